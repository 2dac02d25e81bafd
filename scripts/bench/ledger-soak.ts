import postgres from 'postgres';
import { auditLoad, playLoad, prepareLoad } from '../../supabase/tests/money/load.ts';
import { seededRandom } from '../../supabase/tests/money/random.ts';
import { connect } from '../../supabase/tests/money/session.ts';
import type { Scratch } from '../db/scratch.ts';
import { loadTestWords } from '../db/test-words.ts';
import type { Figure } from './report.ts';

const clients = 16;
const accounts = 20;

/** All kinds of work at once for some minutes: nothing may fail, and the books must be right in the end. */
export async function soak(scratch: Scratch, minutes: number): Promise<Figure[]> {
  const database = await scratch.database('bench_soak', 'migrations');
  await loadTestWords(database.url('supabase_admin'));
  const superuser = postgres(database.url('supabase_admin'), { max: 1, onnotice: () => {} });
  const pool = connect(database.url('postgres'), clients);
  try {
    const loaded = await prepareLoad(superuser, accounts);
    const begun = Date.now();
    const until = begun + minutes * 60_000;
    let acts = 0;
    const progress = setInterval(() => {
      const seconds = Math.round((Date.now() - begun) / 1000);
      console.log(`soak: ${seconds} of ${minutes * 60} s, ${acts} acts`);
    }, 10_000);
    const { counts, errors } = await playLoad({
      pool,
      accounts: loaded,
      random: seededRandom(1),
      clients,
      nextMoment: () => {
        const now = Date.now();
        if (now >= until) return undefined;
        acts += 1;
        return now;
      },
    }).finally(() => clearInterval(progress));
    console.log(`soak: ${[...counts].map(([name, count]) => `${name} ${count}`).join(', ')}`);
    const complaints = await auditLoad(pool, loaded, Date.now());
    const [row] = await superuser<{ deadlocks: string }[]>`
      select pg_stat_force_next_flush(), deadlocks from pg_stat_database where datname = current_database()`;
    const none = (name: string, value: number, said: string[]): Figure => ({
      name: `soak: ${name}`,
      value,
      unit: '',
      bar: 0,
      better: 'lower',
      note: said.slice(0, 5).join('; '),
    });
    const failed = [...errors].map(([error, count]) => `${count} × ${error}`);
    return [
      none('deadlocks', Number(row?.deadlocks), [
        `${acts} acts at ${clients} clients in ${minutes} min`,
      ]),
      none(
        'failed acts',
        [...errors.values()].reduce((sum, count) => sum + count, 0),
        failed,
      ),
      none('complaints of the auditor', complaints.length, complaints),
    ];
  } finally {
    await Promise.all([pool.end({ timeout: 5 }), superuser.end({ timeout: 5 })]);
  }
}
