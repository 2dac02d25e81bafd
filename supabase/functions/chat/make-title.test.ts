import { assertEquals } from '../_shared/testing.ts';
import { cleanTitle } from './make-title.ts';

for (const [said, title] of [
  ['Salty oceans', 'Salty oceans'],
  ['"Salty oceans."', 'Salty oceans'],
  ['Title: **Salty oceans**', 'Salty oceans'],
  ['# Salty oceans\n\nAnd a reason for it', 'Salty oceans'],
  ['  «Les marées»  ', 'Les marées'],
  ['\n\n', ''],
  ['"', ''],
  ['x'.repeat(200), 'x'.repeat(80)],
  [`${'x'.repeat(79)}🦊🦊`, `${'x'.repeat(79)}🦊`],
  ['**Salty** `oceans` and seas', 'Salty oceans and seas'],
  ['```', ''],
] as const) {
  Deno.test(
    `${JSON.stringify(said.slice(0, 40))} becomes ${JSON.stringify(title.slice(0, 40))}`,
    () => {
      assertEquals(cleanTitle(said), title);
    },
  );
}
