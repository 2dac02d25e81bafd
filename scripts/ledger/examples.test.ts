// docs/ledger.md is run statement by statement; what it shows as answers must be what comes back.
// After a change on purpose: npx vitest run --project scripts scripts/ledger/examples --update
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import postgres, { type Row } from 'postgres';
import { expect, test } from 'vitest';
import { startScratch } from '../db/scratch.ts';
import { splitStatements } from '../db/split-statements.ts';

const file = join(import.meta.dirname, '../../docs/ledger.md');
const example = /```sql\n([^]*?)```\n\n```text\n[^]*?```/g;

test('the answers in docs/ledger.md are those of the database', async () => {
  await using scratch = await startScratch();
  const database = await scratch.database('examples', 'migrations');
  const sql = postgres(database.url('postgres'), { max: 1, onnotice: () => {} });
  const page = readFileSync(file, 'utf8');
  const examples = [...page.matchAll(example)];
  expect(examples).toHaveLength(page.match(/^```sql$/gm)?.length ?? 0);

  const named = nameChangingValues();
  let rendered = page;
  for (const [block, statements = ''] of examples) {
    let answer: Row[] = [];
    for (const { text } of splitStatements(statements)) answer = [...(await sql.unsafe(text))];
    const table = asTable(answer.map((row) => Object.entries(row).map(([k, v]) => [k, named(v)])));
    rendered = rendered.replace(
      block,
      () => `\`\`\`sql\n${statements}\`\`\`\n\n\`\`\`text\n${table}\`\`\``,
    );
  }
  await sql.end();
  await expect(rendered).toMatchFileSnapshot(file);
});

/** Ids and hashes get a name when they are first seen, times are all alike. */
function nameChangingValues(): (value: unknown) => string {
  const seen = new Map<string, string>();
  const counts = { id: 0, hash: 0 };
  const name = (kind: 'id' | 'hash', value: string) => {
    const known = seen.get(value) ?? `‹${kind} ${(counts[kind] += 1)}›`;
    seen.set(value, known);
    return known;
  };
  return (value) => {
    if (value === null) return '';
    if (value instanceof Date) return '‹time›';
    return (typeof value === 'string' ? value : JSON.stringify(value))
      .replace(/\b[0-9a-f]{64}\b/g, (hash) => name('hash', hash))
      .replace(/\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b/g, (id) => name('id', id));
  };
}

function asTable(rows: [string, string][][]): string {
  const header = rows[0]?.map(([column]) => column) ?? [];
  const lines = [header, ...rows.map((row) => row.map(([, value]) => value))];
  const widths = header.map((_, nth) => Math.max(...lines.map((line) => line[nth]?.length ?? 0)));
  const printed = lines.map((line) =>
    line
      .map((value, nth) => value.padEnd(widths[nth] ?? 0))
      .join(' | ')
      .trimEnd(),
  );
  printed.splice(1, 0, widths.map((width) => '-'.repeat(width)).join('-+-'));
  return printed.map((line) => `${line}\n`).join('');
}
