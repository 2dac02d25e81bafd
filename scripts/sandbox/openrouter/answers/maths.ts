/** Answers to questions about mathematics, in LaTeX. Plain arithmetic is really computed. */
const ABOUT_MATHS =
  /\b(equation|integral|derivative|theorem|proof|prove|matrix|probability|calculate|compute|solve|algebra|geometry|maths?|sum of|square root|latex)\b|\$[^$]+\$/i;
const ARITHMETIC = /(?:\(\s*)*-?\d[\d.]*(?:\s*[-+*/×÷^]\s*[\s(]*-?\d[\d.]*[\s)]*)+/;

export function isAboutMaths(prompt: string): boolean {
  return ABOUT_MATHS.test(prompt) || ARITHMETIC.test(prompt);
}

export function answerMaths(prompt: string): string {
  const written = ARITHMETIC.exec(prompt)?.[0].trim();
  const value = written === undefined ? null : evaluate(written);
  if (written !== undefined && value !== null) {
    const shown = written.replaceAll('*', '\\times ').replaceAll('×', '\\times ');
    return `The value is **${value}**:

$$
${shown} = ${value}
$$

Powers come first, then products and quotients from left to right, then sums and differences.
Whatever stands in brackets, such as $(a + b)$, is worked out before all of them.`;
  }
  return `Let us take it in small steps, with a quadratic equation as the example:

$$
a x^2 + b x + c = 0, \\qquad a \\neq 0
$$

1. Divide by $a$ and move the constant to the other side.
2. Add $\\left(\\frac{b}{2a}\\right)^2$ on both sides to complete the square.
3. Take the root, which gives

$$
x = \\frac{-b \\pm \\sqrt{b^2 - 4ac}}{2a}
$$

The number under the root, $\\Delta = b^2 - 4ac$, tells how many real solutions there are:

| $\\Delta$ | real solutions |
| :-: | :-- |
| $> 0$ | two |
| $= 0$ | one, counted twice |
| $< 0$ | none |

The same care works for sums and integrals:

$$
\\sum_{k=1}^{n} k = \\frac{n(n+1)}{2}, \\qquad
\\int_0^1 x^n \\, dx = \\frac{1}{n+1}, \\qquad
\\begin{pmatrix} 1 & 2 \\\\ 0 & 1 \\end{pmatrix}^n = \\begin{pmatrix} 1 & 2n \\\\ 0 & 1 \\end{pmatrix}
$$

**Check:** for $x^2 - 5x + 6$ we get $\\Delta = 25 - 24 = 1$, so $x = 2$ or $x = 3$. ∎`;
}

/** A recursive-descent reader of + - * / ^ and brackets; null when it is not such a term. */
function evaluate(term: string): string | null {
  const parts = term
    .replaceAll('×', '*')
    .replaceAll('÷', '/')
    .match(/\d+(?:\.\d+)?|[-+*/^()]/g);
  if (!parts) return null;
  let at = 0;
  const factor = (): number => {
    const part = parts[at++];
    if (part === '-') return -factor();
    if (part === '(') {
      const inner = sum();
      if (parts[at++] !== ')') return NaN;
      return power(inner);
    }
    return power(Number(part ?? NaN));
  };
  const power = (base: number): number => {
    if (parts[at] !== '^') return base;
    at += 1;
    return base ** factor();
  };
  const product = (): number => {
    let value = factor();
    while (parts[at] === '*' || parts[at] === '/') {
      value = parts[at++] === '*' ? value * factor() : value / factor();
    }
    return value;
  };
  const sum = (): number => {
    let value = product();
    while (parts[at] === '+' || parts[at] === '-') {
      value = parts[at++] === '+' ? value + product() : value - product();
    }
    return value;
  };
  const value = sum();
  if (at < parts.length || !Number.isFinite(value)) return null;
  return String(Number(value.toPrecision(12)));
}
