// What our function adds to a stream: beside the upstream called directly, and beside a published
// gateway, in interleaved rounds of one run, so that a noisy machine is noisy for all of them. The
// function is called at its own port, as the published gateway is; the stack's origin, which stands
// in for the platform's, is measured beside.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import {
  type Answering,
  newQuestion,
  openRun,
  type Person,
  readRun,
  resumeRun,
  type Seen,
  stopRun,
} from '../chat/chat-client.ts';
import { type ChatStack, inParallel, startChatStack } from '../chat/chat-stack.ts';
import { runCommand } from '../command.ts';
import { measureGateway } from './gateway.ts';
import { cpuMs, ownMemory } from './processes.ts';
import { startPortkey } from './portkey.ts';
import { type Figure, report } from './report.ts';
import { startStackProcess } from './stack-process.ts';

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    stops: { type: 'string', default: '40' },
    resumes: { type: 'string', default: '20' },
    gateway: { type: 'boolean', default: false },
  },
});
const rounds = Number(values.rounds);
const model = 'sandbox/steady';
const framesPerStream = 50;
const frameMs = 5;
const root = join(import.meta.dirname, '../..');

interface Stream {
  firstMs: number;
  frames: number;
  /** What the frames came late by, against one every five milliseconds. */
  gapsMs: number[];
  requestId: string | null;
}

type Open = () => Promise<Response>;

await runCommand(async () => {
  if (values.gateway) return measureGateway(rounds);
  const stackProcess = await startStackProcess();
  const stack = await startChatStack(() => Promise.resolve(stackProcess));
  try {
    await using portkey = await startPortkey();
    const person = await stack.person();
    // The streams of one account wait for each other as they begin; as in life, these are of several.
    const others = await Promise.all(Array.from({ length: 10 }, () => stack.person()));
    const ask = await asker({ functionsUrl: stackProcess.addressOf('chat') }, others);
    const askOrigin = await asker(stack, others);
    const upstream = stack.env['OPENROUTER_BASE_URL'] ?? '';
    const targets: Record<'direct' | 'ours' | 'origin' | 'portkey', Open> = {
      direct: () => complete(upstream, {}),
      ours: () => ask(model),
      portkey: () =>
        complete(portkey.url, {
          'x-portkey-provider': 'openai',
          'x-portkey-custom-host': upstream,
        }),
      origin: () => askOrigin(model),
    };
    // Each has compiled what it runs often before it is measured.
    for (let round = 0; round < 3; round += 1) {
      for (const open of Object.values(targets)) await streams(open, 50);
    }

    const figures: Figure[] = [];
    const lost: number[] = [];
    const pids: Record<string, number> = { ours: stack.chatPid() ?? 0, portkey: portkey.pid };
    const used: Record<string, { cpuMs: number; own: number; whole: number }[]> = {};
    let ours: Stream[] = [];
    for (const concurrency of [1, 20, 50]) {
      const seen: Record<string, Stream[]> = { direct: [], ours: [], origin: [], portkey: [] };
      const count = concurrency === 1 ? rounds * 4 : rounds;
      for (let round = 0; round < count; round += 1) {
        for (const [name, open] of Object.entries(targets)) {
          const pid = concurrency === 50 ? pids[name] : undefined;
          const watch = pid ? watchProcess(pid) : undefined;
          seen[name]?.push(...(await streams(open, concurrency)));
          if (watch) (used[name] ??= []).push(watch.stop());
        }
      }
      const first = (name: string, part: number) =>
        percentile(seen[name]?.map(({ firstMs }) => firstMs) ?? [], part);
      const added = (name: string, part: number) => first(name, part) - first('direct', part);
      const note = (name: string) =>
        `direct ${first('direct', 0.5).toFixed(1)} ms; p99 added ${added(name, 0.99).toFixed(1)} ms`;
      figures.push({
        name: `added time to first byte, ${plural(concurrency)}`,
        value: added('ours', 0.5),
        unit: 'ms',
        bar: Number(added('portkey', 0.5).toFixed(1)),
        better: 'lower',
        peer: added('portkey', 0.5),
        note: `${note('ours')}; with the proxy of the local stack before the function ${added('origin', 0.5).toFixed(1)} ms; the peer is @portkey-ai/gateway (${note('portkey')}), which holds no money`,
      });
      lost.push(...(seen['ours'] ?? []).map(({ frames }) => framesPerStream - frames));
      ours = seen['ours'] ?? [];
      if (concurrency === 50) {
        const late = (name: string, part: number) =>
          percentile(seen[name]?.flatMap(({ gapsMs }) => gapsMs) ?? [], part);
        figures.push({
          name: 'a frame late against its timetable, 50 streams, p99',
          value: late('ours', 0.99),
          unit: 'ms',
          bar: null,
          better: 'lower',
          peer: late('portkey', 0.99),
          note: `direct ${late('direct', 0.99).toFixed(1)} ms, peer ${late('portkey', 0.99).toFixed(1)} ms`,
        });
      }
    }

    const short = await cpuOf(pids['ours'] ?? 0, () => ask('sandbox/echo', '.'), rounds);
    const perRun = (name: string) =>
      (used[name] ?? []).reduce((sum, { cpuMs }) => sum + cpuMs, 0) / (rounds * 50);
    const most = (what: 'own' | 'whole') =>
      Math.max(...(used['ours'] ?? []).map((one) => one[what])) / 1e6;
    figures.push(
      {
        name: 'frames lost',
        value: lost.reduce((sum, one) => sum + one, 0),
        unit: 'frames',
        bar: 0,
        better: 'lower',
        note: `of ${lost.length * framesPerStream}`,
      },
      {
        name: 'CPU a frame in the function process',
        value: ((perRun('ours') - short) * 1000) / (framesPerStream - 1),
        unit: 'µs',
        bar: 20,
        better: 'lower',
        note: `a run takes ${perRun('ours').toFixed(1)} ms of it with 50 frames and ${short.toFixed(1)} ms with one, the peer's process ${perRun('portkey').toFixed(1)} ms with 50; every frame is a read of its own`,
      },
      {
        name: 'CPU a frame in the stream core',
        value: coreMicros(),
        unit: 'µs',
        bar: 20,
        better: 'lower',
        note: 'cutting, reading, numbering and sending on, without sockets; 200,000 recorded frames',
      },
      {
        name: 'memory of the function process at 50 streams',
        value: most('own'),
        unit: 'MB',
        bar: 128,
        better: 'lower',
        note: `what it has for itself; ${most('whole').toFixed(0)} MB with the pages of Deno's own file, which all functions share`,
      },
      {
        name: 'bundle of the function',
        value: bundleBytes() / 1000,
        unit: 'kB',
        bar: 300,
        better: 'lower',
      },
      await databaseCalls(stack, ours),
      ...(await stopFigures(stack, person)),
      await resumeFigure(stack, await asker(stack, [person]), person),
    );
    report('stream', figures);
  } finally {
    await stack.stop();
  }
});

/** Questions below one first answer, so that none is the first of a conversation and wants a title. */
async function asker(stack: Answering, persons: Person[]) {
  const conversations: { person: Person; id: string; below: string }[] = [];
  const askers = Array.from({ length: 60 }, (_, nth) => persons[nth % persons.length]!);
  await inParallel(askers, 10, async (person) => {
    const first = newQuestion(person, 'Begin', [model]);
    await readRun(await openRun(stack, person, first));
    conversations.push({ person, id: first.conversation_id, below: first.answer_id });
  });
  let next = 0;
  return (wanted: string, content = 'And on') => {
    const { person, id, below } = conversations[next++ % conversations.length]!;
    const question = newQuestion(person, content, [wanted]);
    return openRun(stack, person, {
      ...question,
      conversation_id: id,
      message: { ...question.message, parent_id: below },
    });
  };
}

function complete(url: string, headers: Record<string, string>): Promise<Response> {
  return fetch(`${url}/chat/completions`, {
    method: 'POST',
    headers: {
      authorization: 'Bearer sk-of-the-bench',
      'content-type': 'application/json',
      ...headers,
    },
    body: JSON.stringify({
      model,
      stream: true,
      messages: [{ role: 'user', content: 'And on' }],
    }),
  });
}

async function streams(open: Open, count: number): Promise<Stream[]> {
  return Promise.all(Array.from({ length: count }, () => stream(open)));
}

async function stream(open: Open): Promise<Stream> {
  const startedAt = performance.now();
  const response = await open();
  if (!response.ok || !response.body)
    throw new Error(`${response.status} ${await response.text()}`);
  const times: number[] = [];
  let rest = '';
  const decoder = new TextDecoder();
  for await (const bytes of response.body as ReadableStream<Uint8Array>) {
    const frames = (rest + decoder.decode(bytes, { stream: true })).split('\n\n');
    rest = frames.pop() ?? '';
    const now = performance.now();
    for (const frame of frames) if (/"content":"[^"]/.test(frame)) times.push(now);
  }
  const first = times[0] ?? Number.NaN;
  return {
    firstMs: first - startedAt,
    frames: times.length,
    gapsMs: times.map((time, at) => Math.max(0, time - first - at * frameMs)),
    requestId: response.headers.get('x-request-id'),
  };
}

// the function process ------------------------------------------------------------------------

/** CPU and the most memory of a process from now on. */
function watchProcess(pid: number) {
  const before = cpuMs(pid);
  let own = 0;
  let whole = 0;
  const timer = setInterval(() => {
    const memory = ownMemory(pid);
    own = Math.max(own, memory.own);
    whole = Math.max(whole, memory.whole);
  }, 20);
  return {
    stop() {
      clearInterval(timer);
      return { cpuMs: cpuMs(pid) - before, own, whole };
    },
  };
}

/** Milliseconds of CPU a run, with fifty at a time. */
async function cpuOf(pid: number, open: Open, times: number): Promise<number> {
  await streams(open, 50);
  const watch = watchProcess(pid);
  for (let round = 0; round < times; round += 1) await streams(open, 50);
  return watch.stop().cpuMs / (times * 50);
}

function coreMicros(): number {
  const script = join(root, 'scripts/bench/stream-core.ts');
  const output = execFileSync('deno', ['run', '--quiet', '--no-prompt', script], {
    cwd: root,
    encoding: 'utf8',
  });
  return Number(output);
}

function bundleBytes(): number {
  const folder = mkdtempSync(join(tmpdir(), 'oneai-bundle-'));
  try {
    const output = join(folder, 'chat.js');
    const entry = 'supabase/functions/chat/index.ts';
    execFileSync('deno', ['bundle', '--quiet', '--platform', 'deno', '-o', output, entry], {
      cwd: root,
    });
    return statSync(output).size;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

// the database ----------------------------------------------------------------------------------

/** Counted in the log of the one origin, where a request and its calls carry the same id. */
async function databaseCalls(stack: ChatStack, seen: Stream[]): Promise<Figure> {
  await sleep(500);
  const log = readFileSync(join(stack.dataDir, 'logs/origin.log'), 'utf8');
  const calls = new Map<string, string[]>();
  for (const line of log.split('\n')) {
    const { id, path } = (line ? JSON.parse(line) : {}) as { id?: string; path?: string };
    const name = /^\/rest\/v1\/rpc\/(\w+)$/.exec(path ?? '')?.[1];
    if (id && name) calls.set(id, [...(calls.get(id) ?? []), name]);
  }
  const each = seen.map(({ requestId }) => calls.get(requestId ?? '') ?? []);
  const flushes = each.map((names) => names.filter((name) => name === 'append_frames').length);
  return {
    name: 'database calls a request, without flushes',
    value: Math.max(...each.map((names, at) => names.length - (flushes[at] ?? 0))),
    unit: 'calls',
    bar: 2,
    better: 'lower',
    note: `the most of ${each.length} requests at 50 streams; flushes a request: ${percentile(flushes, 0.5)} at the median, ${Math.max(...flushes)} at most`,
  };
}

// stopping and resuming -----------------------------------------------------------------------

async function stopFigures(stack: ChatStack, person: Person): Promise<Figure[]> {
  const byName: Record<string, number[]> = {
    'through the function': [],
    'through the database': [],
  };
  const plans = Array.from({ length: Number(values.stops) }, (_, at) => at % 2 === 0);
  await inParallel(plans, 4, async (throughFunction) => {
    const question = newQuestion(person, 'Tell me everything.', ['sandbox/long-200k']);
    const { runId, reading } = await watch(stack, person, question);
    await sleep(200 + Math.random() * 1000);
    const stoppedAt = Date.now();
    await (throughFunction ? stopRun(stack, person, runId) : stopInDatabase(stack, person, runId));
    await reading;
    const hungUpAt = await abortTime(stack, question.conversation_id);
    byName[throughFunction ? 'through the function' : 'through the database']?.push(
      hungUpAt - stoppedAt,
    );
  });
  return Object.entries(byName).map(([name, times]) => ({
    name: `stop ${name} until the upstream sees it, p99`,
    value: percentile(times, 0.99),
    unit: 'ms',
    bar: 1000,
    better: 'lower',
    note: `p50 ${percentile(times, 0.5).toFixed(0)} ms, of ${times.length}`,
  }));
}

async function watch(stack: ChatStack, person: Person, question: object) {
  const response = await openRun(stack, person, question);
  const { promise, resolve } = Promise.withResolvers<string>();
  const reading = readRun(response, ({ run }) => {
    if (run) resolve(String(run['run_id']));
    return false;
  });
  return { runId: await promise, reading };
}

async function stopInDatabase(stack: ChatStack, { token }: Person, runId: string): Promise<void> {
  await fetch(`${stack.url}/rest/v1/rpc/stop_run`, {
    method: 'POST',
    headers: {
      apikey: stack.publishableKey,
      authorization: `Bearer ${token}`,
      'content-type': 'application/json',
      'content-profile': 'api',
    },
    body: JSON.stringify({ run_id: runId }),
  });
}

async function abortTime(stack: ChatStack, conversationId: string): Promise<number> {
  for (;;) {
    const [asked] = await stack.asked(conversationId);
    if (asked?.aborted) return Date.parse(asked.at) + asked.aborted.after_ms;
    if (asked && asked.outcome !== 'open') return Number.NaN;
    await sleep(20);
  }
}

async function resumeFigure(
  stack: ChatStack,
  ask: (wanted: string) => Promise<Response>,
  person: Person,
): Promise<Figure> {
  const times: number[] = [];
  for (let at = 0; at < Number(values.resumes); at += 1) {
    const enough = (seen: Seen) => seen.frames.length >= 120;
    const cut = await readRun(await ask('sandbox/long-5k'), enough);
    await sleep(600);
    const startedAt = performance.now();
    const resumed = await resumeRun(stack, person, String(cut.run?.['run_id']), 60);
    await readRun(resumed, ({ frames }) => {
      if (frames.length > 0) times.push(performance.now() - startedAt);
      return frames.length > 0;
    });
  }
  return {
    name: 'resuming until the first text, p50',
    value: percentile(times, 0.5),
    unit: 'ms',
    bar: null,
    better: 'lower',
    note: `p99 ${percentile(times, 0.99).toFixed(0)} ms, of ${times.length}; what is stored comes at once, what streams with the next flush`,
  };
}

function percentile(numbers: number[], part: number): number {
  const sorted = numbers.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? Number.NaN;
}

function plural(count: number): string {
  return count === 1 ? '1 stream' : `${count} streams`;
}
