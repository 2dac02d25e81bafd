/** An answer as models write them, of about this many characters: it mixes what they mix. */
export function answer(length: number): string {
  let text = '';
  for (let part = 1; text.length < length; part += 1) text += section(part);
  return text.slice(0, length);
}

const words =
  'the hold is set before a call and settled after it so that no account pays more than it agreed to while prices are versions and a receipt names the one it used'.split(
    ' ',
  );

function sentence(seed: number, count: number): string {
  const picked = Array.from(
    { length: count },
    (_, index) => words[(seed * 7 + index * 3) % words.length],
  );
  picked[Math.floor(count / 3)] = `**${picked[Math.floor(count / 3)] ?? ''}**`;
  picked[Math.floor(count / 2)] = `\`value_${seed}\``;
  const text = picked.join(' ');
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
}

function section(part: number): string {
  return `## ${part}. ${sentence(part, 5)}

${sentence(part, 28)} ${sentence(part + 1, 19)} See [the documentation](https://example.com/docs/${part}) or [the table][t${part % 7}].

${sentence(part + 2, 34)} With $n_{${part}}$ tokens it is *more*.

- ${sentence(part + 3, 12)}
- ${sentence(part + 4, 15)}
  - ${sentence(part + 5, 9)}
- ${sentence(part + 6, 11)}

\`\`\`ts
export function settle${part}(hold: Hold, used: bigint): Receipt {
  const charge = used < hold.amount ? used : hold.amount;
  if (charge === 0n) return release(hold); // nothing was said
  return { hold: hold.id, charge, version: ${part} };
}
\`\`\`

1. ${sentence(part + 7, 14)}
2. ${sentence(part + 8, 17)}

${part % 3 === 0 ? `| Model | Input | Output |\n| --- | ---: | ---: |\n| one-${part} | 3 | 15 |\n| two-${part} | 0.5 | 0.5 |\n| three | 10 | 30 |\n` : `> ${sentence(part + 9, 22)}\n`}
${part % 7 === 0 ? `[t${Math.floor(part / 7) % 7}]: https://example.com/table/${part}\n\n` : ''}`;
}
