// One failure has one code, whoever writes it, and a row in every table that a reader looks it up in.
import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { isErrorCode } from '../supabase/functions/_shared/errors.ts';
import { errorCodes } from '../supabase/functions/gateway/api-error.ts';
import { explain } from '../web/src/lib/errors.ts';

const root = new URL('../', import.meta.url);
const schemas = new URL('supabase/schemas/', root);
const sql = readdirSync(schemas).map((name) => readFileSync(new URL(name, schemas), 'utf8'));

/** The fifth field of a report, and what stands in for a code that nobody reported. */
const places = [
  /\brow\((?:[^,()]+,\s*){4}'(\w+)',[^()]*\)::private\.run_report/g,
  /\.?error_code, (?:case when [^']*? then )?'(\w+)'/g,
];
const written = places.map((place) => [
  ...new Set(sql.flatMap((text) => [...text.matchAll(place)].map(([, code]) => code as string))),
]);

describe('what the database writes onto receipts and answers', () => {
  test('is found in both places', () => {
    expect(written.map((codes) => codes.length > 0)).toEqual([true, true]);
  });

  test.each([...new Set(written.flat())])('%s is known to the functions and the site', (code) => {
    expect(isErrorCode(code)).toBe(true);
    expect(explain({ message: code }).message).not.toBe(explain({}).message);
  });
});

describe('the errors in docs/api.md', () => {
  const section =
    readFileSync(new URL('docs/api.md', root), 'utf8').split('\n## Errors\n')[1] ?? '';
  const rows = [...section.matchAll(/^\| *([\d, ]+?) *\| (.+) \|$/gm)].map(
    ([, statuses, codes]) => ({
      statuses: (statuses as string).split(', ').map(Number),
      codes: [...(codes as string).matchAll(/`([a-z_]+)`/g)].map(([, code]) => code as string),
    }),
  );
  const { general, ofRules } = errorCodes();

  test('are those of the API, each once', () => {
    const all = new Set([...general.map(({ code }) => code), ...ofRules]);
    expect(rows.flatMap(({ codes }) => codes).toSorted()).toEqual([...all].toSorted());
  });

  test.each(general)('$code stands beside $status', ({ code, status }) => {
    expect(rows.find(({ codes }) => codes.includes(code))?.statuses).toContain(status);
  });
});
