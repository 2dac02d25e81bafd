import { openSimulator, replayCommand } from '../../supabase/tests/money/simulator.ts';
import type { Scratch } from '../db/scratch.ts';
import { loadTestWords } from '../db/test-words.ts';
import { StackError } from '../stack/stack-error.ts';
import type { Figure } from './report.ts';

/** The tests play those up to this one. */
const played = 200;
const lanes = 2;

/** Plays more seeds of the simulator than the tests do; a complaint ends it. */
export async function playSeeds(scratch: Scratch, seeds: number): Promise<Figure> {
  const begun = Date.now();
  let done = 0;
  let operations = 0;
  const lane = async (nth: number) => {
    const database = await scratch.database(`bench_seeds_${nth}`, 'migrations');
    await loadTestWords(database.url('supabase_admin'));
    const simulator = await openSimulator({
      superuserUrl: database.url('supabase_admin'),
      ownerUrl: database.url('postgres'),
    });
    try {
      for (let seed = played + 1 + nth; seed <= played + seeds; seed += lanes) {
        const outcome = await simulator.play(seed);
        if (outcome.complaints.length > 0)
          throw new StackError(
            `Seed ${seed}: ${outcome.complaints.slice(0, 10).join('; ')}. Again: ${replayCommand(seed)}`,
          );
        done += 1;
        operations += outcome.operations;
        if (done % 20 === 0)
          console.log(
            `seeds: ${done} of ${seeds}, ${operations} operations, ${Math.round((Date.now() - begun) / 1000)} s`,
          );
      }
    } finally {
      await simulator.close();
    }
  };
  await Promise.all(Array.from({ length: lanes }, (_, nth) => lane(nth)));
  return {
    name: 'more seeds of the simulator without a complaint',
    value: done,
    unit: 'seeds',
    bar: seeds,
    better: 'higher',
    note: `${operations} operations; the tests play the first ${played}`,
  };
}
