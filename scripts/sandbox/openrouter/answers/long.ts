/** Rich Markdown of an exact size, for what must cope with long answers. ASCII only. */
const SECTIONS = [
  (n: number) => `## Section ${n}: what was measured

The run number **${n}** went through without surprises. Three things are worth *keeping in mind*, and
the [first of them](https://example.com/run/${n}) explains the other two.

1. Every step was taken in order.
2. No step was taken twice.
3. The result can be checked with \`verify --run ${n}\`.

`,
  (n: number) => `### Table ${n}

| part | before | after | change |
| :-- | --: | --: | --: |
| read | ${n + 120} ms | ${n + 80} ms | -40 ms |
| think | ${n + 300} ms | ${n + 290} ms | -10 ms |
| write | ${n + 60} ms | ${n + 45} ms | -15 ms |

`,
  (n: number) => `The code of step ${n}:

\`\`\`typescript
export function step${n}(input: number[]): number {
  let total = 0;
  for (const value of input) {
    if (value < 0) throw new RangeError('step ${n}: ' + value);
    total += value * ${n};
  }
  return total;
}
\`\`\`

`,
  (n: number) => `The sum grows as

$$
S_{${n}} = \\sum_{k=1}^{${n}} k^2 = \\frac{${n} \\cdot ${n + 1} \\cdot ${2 * n + 1}}{6}
$$

and therefore $S_{${n}} / ${n}^3$ comes close to $1/3$.

> A long answer is read in pieces. Each piece should make sense alone.

`,
];

export function longAnswer(bytes: number): string {
  const parts: string[] = ['# A long answer from the sandbox\n\n'];
  let size = parts[0]!.length;
  for (let n = 1; size < bytes; n += 1) {
    const part = SECTIONS[n % SECTIONS.length]!(n);
    parts.push(part);
    size += part.length;
  }
  return parts.join('').slice(0, bytes);
}
