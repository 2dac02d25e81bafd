/**
 * What the sandbox was asked, what it charged and who hung up, so that tests can check it. Kept in
 * memory and bounded: the oldest requests and the rarest names are forgotten first.
 */
export interface Run {
  seq: number;
  at: string;
  path: string;
  /** The first model asked for. */
  requested: string | null;
  /** The model that answered, by its id, and its provider. */
  model: string | null;
  provider: string | null;
  /** Models of the same request that failed before. */
  attempts: { model: string; status: number }[];
  user: string | null;
  session_id: string | null;
  stream: boolean;
  status: number | null;
  fault: string | null;
  outcome: 'open' | 'completed' | 'refused' | 'aborted' | 'broken';
  generation_id: string | null;
  frames_sent: number;
  prompt_tokens: number;
  completion_tokens: number;
  reasoning_tokens: number;
  /** Nano-dollars. */
  charged: string;
  /** Set when the client hung up first. `continued`: its provider charges the whole answer. */
  aborted: { after_ms: number; frames_sent: number; billing: 'stopped' | 'continued' } | null;
  /** The request as it came, unless it is large or long ago. */
  body: unknown;
}

interface Internal {
  startedAt: number;
  key: string;
}

export interface Accounting {
  open(path: string, key: string): Run;
  /** Charges the run and closes it. The first call counts, so nothing is charged twice. */
  close(run: Run, outcome: Exclude<Run['outcome'], 'open'>, charge: bigint): void;
  millisecondsSince(run: Run): number;
  /** How often this session or prompt has met a fault; counts one more. */
  countFault(key: string): number;
  charged(key?: string): bigint;
  stats(): Record<string, unknown>;
  requests(query: URLSearchParams): Run[];
  reset(): void;
}

const MOST_RUNS = 5_000;
const MOST_BODIES = 2_000;
const MOST_NAMES = 2_000;
const SEARCHABLE = [
  'model',
  'requested',
  'user',
  'session_id',
  'outcome',
  'generation_id',
] as const;

export function createAccounting(): Accounting {
  let seq = 0;
  let runs: Run[] = [];
  let internals = new WeakMap<Run, Internal>();
  let totals = emptyTotals();
  let openRuns = 0;
  const faults = new Map<string, number>();
  const keys = new Map<string, bigint>();

  return {
    open(path, key) {
      seq += 1;
      openRuns += 1;
      const run = emptyRun(seq, path);
      internals.set(run, { startedAt: performance.now(), key });
      runs.push(run);
      const forgotten = runs.at(-MOST_BODIES - 1);
      if (forgotten) forgotten.body = null;
      if (runs.length > MOST_RUNS * 1.2) runs = runs.slice(-MOST_RUNS);
      return run;
    },

    close(run, outcome, charge) {
      const internal = internals.get(run);
      if (!internal || run.outcome !== 'open') return;
      openRuns -= 1;
      run.outcome = outcome;
      run.charged = charge.toString();
      totals.requests += 1;
      totals.charged += charge;
      totals.frames += run.frames_sent;
      totals.promptTokens += run.prompt_tokens;
      totals.completionTokens += run.completion_tokens;
      if (run.aborted) totals.aborted[run.aborted.billing] += 1;
      bump(totals.byOutcome, outcome, 1n);
      bump(totals.byStatus, String(run.status ?? 'none'), 1n);
      if (run.fault) bump(totals.byFault, run.fault, 1n);
      bump(totals.byModel, run.model ?? run.requested ?? 'none', 1n);
      bump(totals.chargedByModel, run.model ?? run.requested ?? 'none', charge);
      if (run.user) bump(totals.byUser, run.user, 1n);
      if (run.session_id) bump(totals.bySession, run.session_id, 1n);
      bump(keys, internal.key, charge);
    },

    millisecondsSince(run) {
      return Math.round(performance.now() - (internals.get(run)?.startedAt ?? 0));
    },

    countFault(key) {
      const before = faults.get(key) ?? 0;
      bump(faults, key, 1);
      return before;
    },

    charged(key) {
      return key === undefined ? totals.charged : (keys.get(key) ?? 0n);
    },

    stats() {
      return {
        requests: totals.requests,
        open: openRuns,
        charged: totals.charged.toString(),
        frames_sent: totals.frames,
        prompt_tokens: totals.promptTokens,
        completion_tokens: totals.completionTokens,
        aborted: totals.aborted,
        by_outcome: numbers(totals.byOutcome),
        by_status: numbers(totals.byStatus),
        by_fault: numbers(totals.byFault),
        by_model: numbers(totals.byModel),
        by_user: numbers(totals.byUser),
        by_session: numbers(totals.bySession),
        charged_by_model: Object.fromEntries(
          [...totals.chargedByModel].map(([name, amount]) => [name, amount.toString()]),
        ),
      };
    },

    requests(query) {
      const limit = Number(query.get('limit') ?? 100);
      const filters = SEARCHABLE.flatMap((name) => {
        const value = query.get(name);
        return value === null ? [] : [[name, value] as const];
      });
      return runs
        .filter((run) => filters.every(([name, value]) => run[name] === value))
        .slice(-limit);
    },

    reset() {
      runs = [];
      internals = new WeakMap();
      totals = emptyTotals();
      openRuns = 0;
      faults.clear();
      keys.clear();
    },
  };
}

function emptyTotals() {
  return {
    requests: 0,
    charged: 0n,
    frames: 0,
    promptTokens: 0,
    completionTokens: 0,
    aborted: { stopped: 0, continued: 0 },
    byOutcome: new Map<string, bigint>(),
    byStatus: new Map<string, bigint>(),
    byFault: new Map<string, bigint>(),
    byModel: new Map<string, bigint>(),
    byUser: new Map<string, bigint>(),
    bySession: new Map<string, bigint>(),
    chargedByModel: new Map<string, bigint>(),
  };
}

function emptyRun(seq: number, path: string): Run {
  return {
    seq,
    at: new Date().toISOString(),
    path,
    requested: null,
    model: null,
    provider: null,
    attempts: [],
    user: null,
    session_id: null,
    stream: false,
    status: null,
    fault: null,
    outcome: 'open',
    generation_id: null,
    frames_sent: 0,
    prompt_tokens: 0,
    completion_tokens: 0,
    reasoning_tokens: 0,
    charged: '0',
    aborted: null,
    body: null,
  };
}

/** Adds to a bounded map. Re-inserting keeps the names in use, so the idle ones go first. */
function bump<T extends bigint | number>(map: Map<string, T>, name: string, by: T): void {
  const before = map.get(name);
  map.delete(name);
  map.set(name, (before === undefined ? by : (before as number) + (by as number)) as T);
  if (map.size > MOST_NAMES) map.delete(map.keys().next().value!);
}

function numbers(map: Map<string, bigint>): Record<string, number> {
  return Object.fromEntries([...map].map(([name, count]) => [name, Number(count)]));
}
