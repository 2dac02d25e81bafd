import { Cron } from 'croner';
import postgres from 'postgres';
import type { Log } from './log.ts';

export interface Ticker {
  stop(): Promise<void>;
}

interface Options {
  /** The login of `postgres`, as which pg_cron runs on the platform. */
  url: string;
  /** Does a task that needs the network, where the platform would go through pg_net. */
  callJob: (task: string) => Promise<void>;
  reloadSchema: () => void;
  log: Log;
}

interface Schedule {
  name: string;
  schedule: string;
  command: string;
}

const secondMs = 1000;

/** Runs the rows of private.schedules when they are due, in place of pg_cron. */
export async function startTicker({ url, callJob, reloadSchema, log }: Options): Promise<Ticker> {
  const sql = postgres(url, {
    max: 4,
    onnotice: () => {},
    connection: { TimeZone: 'UTC', application_name: 'oneai-ticker' },
  });
  const running = new Map<string, Promise<void>>();
  const dueAt = new Map<string, number>();
  const complained = new Set<string>();

  const complain = (name: string, error: unknown) => {
    log.error('schedule', { name, message: (error as Error).message });
  };

  async function run({ name, command }: Schedule): Promise<void> {
    try {
      await sql.begin((tx) => tx.unsafe(command));
      log.info('schedule', { name });
    } catch (error) {
      complain(name, error);
    }
  }

  async function tick(): Promise<void> {
    const now = Date.now();
    const schedules = await readSchedules(sql);
    forgetRemoved(schedules);
    for (const schedule of schedules) {
      // A changed schedule counts from now on, like a new one.
      const key = `${schedule.name} ${schedule.schedule}`;
      const due = dueAt.get(key);
      try {
        if (due === undefined) dueAt.set(key, nextRun(schedule.schedule, now));
        if (due === undefined || due > now || running.has(schedule.name)) continue;
        dueAt.set(key, nextRun(schedule.schedule, now));
      } catch (error) {
        if (!complained.has(key)) complain(schedule.name, error);
        complained.add(key);
        continue;
      }
      const work = run(schedule).finally(() => running.delete(schedule.name));
      running.set(schedule.name, work);
    }
  }

  function forgetRemoved(schedules: Schedule[]): void {
    const kept = new Set(schedules.map(({ name, schedule }) => `${name} ${schedule}`));
    for (const key of dueAt.keys()) if (!kept.has(key)) dueAt.delete(key);
  }

  const jobs = new Set<Promise<void>>();
  const start = (task: string) => {
    const job = callJob(task)
      .catch((error: unknown) => complain(task, error))
      .finally(() => jobs.delete(job));
    jobs.add(job);
  };

  const listening = await sql.listen('oneai_jobs', start);
  const reloading = await sql.listen('pgrst', reloadSchema);
  let ticking: Promise<void> | undefined;
  const timer = setInterval(() => {
    // A database that restarts is away for a moment; the next tick finds it again.
    ticking ??= tick()
      .catch((error: unknown) => complain('ticker', error))
      .finally(() => (ticking = undefined));
  }, secondMs);

  return {
    async stop() {
      clearInterval(timer);
      await ticking;
      await Promise.allSettled([...running.values(), ...jobs]);
      await Promise.allSettled([listening.unlisten(), reloading.unlisten()]);
      await sql.end({ timeout: 5 });
    },
  };
}

async function readSchedules(sql: postgres.Sql): Promise<Schedule[]> {
  const [found] = await sql`select to_regclass('private.schedules') as name`;
  if (!found?.['name']) return [];
  return sql<Schedule[]>`select name, schedule, command from private.schedules order by name`;
}

/** `30 seconds`, or five cron fields in UTC: the two forms pg_cron takes. */
export function nextRun(schedule: string, after: number): number {
  const seconds = /^([1-5]?\d) seconds$/.exec(schedule)?.[1];
  if (seconds) return after + Number(seconds) * secondMs;
  const cron = new Cron(schedule, { timezone: 'UTC', mode: '5-part', paused: true });
  const next = cron.nextRun(new Date(after));
  if (!next) throw new Error(`"${schedule}" never comes`);
  return next.getTime();
}
