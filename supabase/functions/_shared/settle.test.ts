import { failure } from './errors.ts';
import { settle } from './settle.ts';
import { assertEquals } from './testing.ts';

const patience = { finishTries: 4, finishBackoffMs: 1 };

async function triesOf(answers: (Error | string)[]): Promise<[settled: unknown, tries: number]> {
  let tries = 0;
  const settled = await settle(() => {
    const answer = answers[tries++];
    return answer instanceof Error ? Promise.reject(answer) : Promise.resolve(answer);
  }, patience);
  return [settled, tries];
}

Deno.test(
  'a run is reported until the database has taken it, or refuses, or stays away',
  async () => {
    const away = failure('upstream_unavailable');
    assertEquals(await triesOf(['done']), ['done', 1]);
    assertEquals(await triesOf([away, new Error('lost'), 'done']), ['done', 3]);
    assertEquals(await triesOf([away, failure('not_found'), 'done']), [null, 2]);
    assertEquals(await triesOf([away, away, away, away, 'done']), [null, 4]);
  },
);
