// The named characters that people and models write; the full list would weigh as much as the parser.
const named: Record<string, string> = {
  amp: '&',
  lt: '<',
  gt: '>',
  quot: '"',
  apos: "'",
  nbsp: '\u00a0',
  ensp: '\u2002',
  emsp: '\u2003',
  thinsp: '\u2009',
  shy: '\u00ad',
  copy: '©',
  reg: '®',
  trade: '™',
  hellip: '…',
  mdash: '—',
  ndash: '–',
  bull: '•',
  middot: '·',
  lsquo: '‘',
  rsquo: '’',
  ldquo: '“',
  rdquo: '”',
  laquo: '«',
  raquo: '»',
  deg: '°',
  plusmn: '±',
  times: '×',
  divide: '÷',
  frac12: '½',
  frac14: '¼',
  frac34: '¾',
  sup2: '²',
  sup3: '³',
  micro: 'µ',
  para: '¶',
  sect: '§',
  euro: '€',
  pound: '£',
  yen: '¥',
  cent: '¢',
  larr: '←',
  uarr: '↑',
  rarr: '→',
  darr: '↓',
  harr: '↔',
  rArr: '⇒',
  hArr: '⇔',
  ne: '≠',
  le: '≤',
  ge: '≥',
  asymp: '≈',
  infin: '∞',
  radic: '√',
  sum: '∑',
  prod: '∏',
  int: '∫',
  part: '∂',
  forall: '∀',
  exist: '∃',
  isin: '∈',
  cap: '∩',
  cup: '∪',
  and: '∧',
  or: '∨',
  alpha: 'α',
  beta: 'β',
  gamma: 'γ',
  delta: 'δ',
  Delta: 'Δ',
  epsilon: 'ε',
  theta: 'θ',
  lambda: 'λ',
  mu: 'μ',
  pi: 'π',
  rho: 'ρ',
  sigma: 'σ',
  Sigma: 'Σ',
  tau: 'τ',
  phi: 'φ',
  omega: 'ω',
  Omega: 'Ω',
  check: '✓',
  cross: '✗',
  star: '☆',
};

const reference = /&(?:#(\d{1,7})|#[xX]([\da-fA-F]{1,6})|([a-zA-Z][a-zA-Z\d]{1,31}));/g;

function fromCodePoint(code: number): string {
  const isNone = code === 0 || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff);
  return isNone ? '\ufffd' : String.fromCodePoint(code);
}

/** Character references as the characters they stand for; an unknown name stays as it is. */
export function decodeReferences(text: string): string {
  if (!text.includes('&')) return text;
  return text.replace(reference, (whole, decimal?: string, hex?: string, name = '') => {
    if (decimal) return fromCodePoint(Number.parseInt(decimal, 10));
    if (hex) return fromCodePoint(Number.parseInt(hex, 16));
    return Object.hasOwn(named, name) ? named[name]! : whole;
  });
}

// Written as escapes: these characters turn round what follows them, in an editor too.
const bidiControl = /[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;

/** For code and its label: a character that reorders what is read is shown by its name. */
export function nameBidi(text: string): string {
  return text.replace(
    bidiControl,
    (character) => `[U+${character.charCodeAt(0).toString(16).toUpperCase().padStart(4, '0')}]`,
  );
}

/** For the text of links, which must read as what it is. */
export function dropBidi(text: string): string {
  return text.replace(bidiControl, '');
}

/**
 * Text as the parser wants it. What may be half of something (a carriage return, the first half
 * of an emoji) waits for its other half.
 */
export function normalise(text: string): string {
  const last = text.charCodeAt(text.length - 1);
  const isHalf = last === 13 || (last >= 0xd800 && last <= 0xdbff);
  const whole = isHalf ? text.slice(0, -1) : text;
  return whole.replace(/\r\n?/g, '\n').replaceAll('\0', '\ufffd');
}
