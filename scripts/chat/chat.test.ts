// Runs of the real function on a real stack: viewers vanish, workers are killed, others stop them.
// CHAT_DROPS, CHAT_KILLS and CHAT_STOPS say how many, CHAT_SEED repeats what failed.
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import {
  type Frame,
  newQuestion,
  openRun,
  type Person,
  readRun,
  resumeRun,
  type Seen,
  stopRun,
  textOf,
} from './chat-client.ts';
import { type ChatStack, inParallel, seeded, startChatStack } from './chat-stack.ts';

const drops = Number(process.env['CHAT_DROPS'] ?? 24);
const kills = Number(process.env['CHAT_KILLS'] ?? 4);
const stops = Number(process.env['CHAT_STOPS'] ?? 6);
const seed = Number(process.env['CHAT_SEED'] ?? Date.now() % 100_000);
const random = seeded(seed);
const upTo = (most: number) => Math.floor(random() * (most + 1));
const patience = { timeout: 60_000, interval: 50 };
const long = 120_000 + (drops + kills + stops) * 5_000;
const steadyText = Array.from({ length: 50 }, (_, at) => ` ${100 + at}`).join('');

let stack: ChatStack;
let person: Person;

beforeAll(async () => {
  stack = await startChatStack();
  person = await stack.person();
});
afterAll(() => stack.stop());

const idOf = (seen: Seen) => String(seen.run?.['run_id']);
const joined = (frames: Frame[]) =>
  frames.map(({ content, reasoning }) => reasoning + content).join('');

/** What is more than nothing, one after the other, in an order of its own. */
const paid = (amounts: { session: string; micros: number }[]) =>
  amounts
    .filter(({ micros }) => micros > 0)
    .map(({ session, micros }) => `${session} ${micros}`)
    .sort();

/** Opens a run and reads it in the background, once it is known which it is. */
async function watch(question: object): Promise<{ runId: string; reading: Promise<Seen> }> {
  const response = await openRun(stack, person, question);
  expect(response.status, `seed ${seed}`).toBe(200);
  const { promise, resolve } = Promise.withResolvers<string>();
  const reading = readRun(response, (seen) => {
    if (seen.run) resolve(idOf(seen));
    return false;
  });
  return { runId: await promise, reading };
}

/** Reads on from where a connection broke, breaking a few more, until the end. */
async function readOn(first: Seen, cuts: number[]): Promise<Seen> {
  const all = first;
  while (!all.done) {
    const enough = cuts.shift() ?? Infinity;
    const last = all.frames.at(-1)?.id ?? 0;
    const more = await readRun(
      await resumeRun(stack, person, idOf(first), last),
      ({ frames }) => frames.length >= enough,
    );
    expect(more.status, `seed ${seed}: ${more.body}`).toBe(200);
    all.frames.push(...more.frames);
    all.done = more.done;
  }
  return all;
}

test(
  `${drops} viewers vanish and come back: every text is whole, every run charged once`,
  { timeout: long },
  async () => {
    const plans = Array.from({ length: drops }, (_, at) => ({
      model: ['sandbox/steady', 'sandbox/long-5k', 'openai/gpt-4o-mini'][at % 3] as string,
      cuts: [upTo(50), upTo(20), upTo(40)],
    }));
    await inParallel(plans, 8, async ({ model, cuts }) => {
      const question = newQuestion(person, 'What makes the tides?', [model]);
      const [cut = 0, ...more] = cuts;
      const opened = await readRun(
        await openRun(stack, person, question),
        ({ run, frames }) => run !== null && frames.length >= cut,
      );
      expect(opened.status, opened.body).toBe(200);
      const seen = await readOn(opened, more);
      const note = `seed ${seed}, ${model}, cut at ${cut}`;
      expect(seen.done?.status, note).toBe('complete');
      expect(
        seen.frames.map(({ id }) => id),
        note,
      ).toEqual(seen.frames.map((_, at) => at + 1));
      const [message] = await stack.messages([idOf(seen)]);
      expect(textOf(seen.frames), note).toBe(message?.content);
      if (model === 'sandbox/steady') expect(message?.content).toBe(steadyText);
      const asked = await stack.asked(question.conversation_id);
      expect(
        asked.map(({ outcome }) => outcome),
        note,
      ).toEqual(['completed']);
      const receipts = await stack.receipts([idOf(seen)]);
      expect(
        receipts.map(({ cost_label, upstream_micros }) => [cost_label, upstream_micros]),
        note,
      ).toEqual([['reported', Number(asked[0]?.charged)]]);
    });
  },
);

test(
  `${kills} kills of the function: every run ends once and is charged for what there was`,
  { timeout: long },
  async () => {
    const asker = await stack.person();
    const newStory = () => newQuestion(asker, 'Tell me of the sea.', ['sandbox/long-5k']);
    const sessions: string[] = [];
    const kept = new Set<string>();
    for (let kill = 0; kill < kills; kill += 1) {
      const questions = Array.from({ length: 3 }, newStory);
      sessions.push(...questions.map(({ conversation_id }) => conversation_id));
      const running = questions.map(async (question) =>
        readRun(await openRun(stack, asker, question)),
      );
      await sleep(upTo(900));
      const pid = stack.chatPid();
      if (pid !== undefined) process.kill(pid, 'SIGKILL');
      const seen = await Promise.all(running.map((run) => run.catch(() => undefined)));
      const note = `seed ${seed}, kill ${kill}`;

      // The worker may have died before it could say which run it was.
      const started = await stack.sql<{ id: string; run_id: string }[]>`
      select id, run_id from private.messages where id = any(${questions.map(({ answer_id }) => answer_id)})`;
      const runIds = started.map(({ run_id }) => run_id);
      await stack.untilEnded(runIds);
      const messages = new Map(
        (await stack.messages(runIds)).map((message) => [message.run_id, message]),
      );
      for (const [at, run] of seen.entries()) {
        if (!run?.run) continue;
        const stored = messages.get(idOf(run));
        // What the viewer saw and what was kept are the same text, one perhaps further than the other.
        const shown = joined(run.frames);
        const text = (stored?.reasoning ?? '') + (stored?.content ?? '');
        expect(shown.startsWith(text) || text.startsWith(shown), note).toBe(true);
        if (run.done) expect(text, note).toBe(shown);
        if (text !== '') kept.add(String(questions[at]?.conversation_id));
      }
      await vi.waitFor(() => expect(stack.chatPid()).toBeDefined(), patience);
    }
    const inPeace = newStory();
    sessions.push(inPeace.conversation_id);
    const told = await readRun(await openRun(stack, asker, inPeace));
    expect(told.done?.status).toBe('complete');

    // The ledger took each bill of the upstream once, with a fifth on it, and nothing besides.
    await vi.waitFor(async () => {
      expect(await stack.heldMicros(asker)).toBe(0);
      const booked = await stack.booked(asker);
      // Their worker died before it could note which call upstream was theirs: the bill is our loss.
      const lost = booked.flatMap(({ session, outcome }) => (outcome === 'expired' ? session : []));
      expect(lost.filter((session) => kept.has(session))).toEqual([]);
      const bills = await Promise.all(
        sessions
          .flatMap((session) => [session, `title-${session}`])
          .filter((session) => !lost.includes(session))
          .map(async (session) =>
            (await stack.asked(session)).map(({ charged }) => ({
              session,
              micros: Math.ceil((Number(charged) * 6) / 5),
            })),
          ),
      );
      const charges = booked.map(({ session, ledger_micros: micros }) => ({ session, micros }));
      expect(paid(charges), `seed ${seed}`).toEqual(paid(bills.flat()));
    }, patience);
  },
);

test(
  `${stops} answers stopped by another client: hung up upstream, charged for what there was`,
  { timeout: long },
  async () => {
    const plans = Array.from({ length: stops }, (_, at) => ({
      wait: upTo(1200),
      byRpc: at % 2 === 0,
    }));
    await inParallel(plans, 4, async ({ wait, byRpc }) => {
      const question = newQuestion(person, 'Tell me everything.', ['sandbox/long-200k']);
      const { runId, reading } = await watch(question);
      await sleep(wait);
      const stopped = byRpc ? await stopByRpc(runId) : await stopRun(stack, person, runId);
      expect(stopped).toBe(true);
      const seen = await reading;
      const note = `seed ${seed}, stopped after ${wait} ms`;
      expect(seen.done?.status, note).toBe('stopped');
      await stack.untilEnded([runId]);
      const [asked] = await stack.asked(question.conversation_id);
      expect([asked?.outcome, asked?.aborted?.billing], note).toEqual(['aborted', 'stopped']);
      const [message] = await stack.messages([runId]);
      expect([message?.status, message?.content], note).toEqual(['stopped', textOf(seen.frames)]);
      const receipts = await stack.receipts([runId]);
      expect(
        receipts.map(({ completion_tokens, upstream_micros }) => [
          completion_tokens,
          upstream_micros,
        ]),
        note,
      ).toEqual([[asked?.completion_tokens, Number(asked?.charged)]]);
    });
    await vi.waitFor(async () => expect(await stack.heldMicros(person)).toBe(0), patience);
  },
);

async function stopByRpc(runId: string): Promise<unknown> {
  const response = await fetch(`${stack.url}/rest/v1/rpc/stop_run`, {
    method: 'POST',
    headers: {
      apikey: stack.publishableKey,
      authorization: `Bearer ${person.token}`,
      'content-type': 'application/json',
      'content-profile': 'api',
    },
    body: JSON.stringify({ run_id: runId }),
  });
  return response.json();
}

test('the same question again joins its run, another one under its id is refused', async () => {
  const question = newQuestion(person, 'Once or twice?', ['sandbox/steady']);
  const [one, other] = await Promise.all(
    [1, 2].map(async () => readRun(await openRun(stack, person, question))),
  );
  expect(one?.run?.['run_id']).toBe(other?.run?.['run_id']);
  expect([textOf(one?.frames ?? []), textOf(other?.frames ?? [])]).toEqual([
    steadyText,
    steadyText,
  ]);
  expect(await stack.asked(question.conversation_id)).toHaveLength(1);
  const changed = await openRun(stack, person, { ...question, options: { max_tokens: 7 } });
  expect([
    changed.status,
    ((await changed.json()) as { error: { code: string } }).error.code,
  ]).toEqual([409, 'conflict']);
});

test('a stranger can neither read nor stop a run, nor ask for the account of another', async () => {
  const question = newQuestion(person, 'A secret', ['sandbox/long-200k']);
  const { runId, reading } = await watch(question);
  const stranger = await stack.person();
  expect((await resumeRun(stack, stranger, runId, 0)).status).toBe(404);
  expect(await stopRun(stack, stranger, runId)).toBe(false);
  const asked = await openRun(
    stack,
    stranger,
    newQuestion({ ...stranger, accountId: person.accountId }, 'x', ['sandbox/fast']),
  );
  expect(asked.status).toBe(404);
  expect(await stopRun(stack, person, runId)).toBe(true);
  await reading;
  const forged = { ...person, token: `${person.token.slice(0, -3)}abc` };
  expect((await openRun(stack, forged, question)).status).toBe(401);
  expect((await resumeRun(stack, forged, runId, 0)).status).toBe(401);
});

test('a temporary chat is metered and never stored', async () => {
  const question = { ...newQuestion(person, '', ['sandbox/steady']), message: null };
  const seen = await readRun(
    await openRun(stack, person, {
      ...question,
      temporary: { messages: [{ role: 'user', content: 'Psst' }] },
    }),
  );
  expect([seen.done?.status, textOf(seen.frames)]).toEqual(['complete', steadyText]);
  expect(seen.done?.receipt?.charged_micros).toBeGreaterThan(0);
  const [left] = await stack.sql<{ rows: number }[]>`
    select (
      (select count(*) from private.conversations where id = ${question.conversation_id})
      + (select count(*) from private.messages where conversation_id = ${question.conversation_id})
      + (select count(*) from private.run_chunks where run_id = ${idOf(seen)})
    )::int as rows`;
  expect(left?.rows).toBe(0);
});

test('the first answer of a conversation gives it a title, as a run of its own', async () => {
  const question = newQuestion(person, 'Why is the ocean salty but rivers are not?', [
    'sandbox/steady',
  ]);
  await readRun(await openRun(stack, person, question));
  await vi.waitFor(async () => {
    const titles = await stack.asked(`title-${question.conversation_id}`);
    expect(titles.map(({ outcome }) => outcome)).toEqual(['completed']);
    const [conversation] = await stack.sql<{ title: string }[]>`
      select title from private.conversations where id = ${question.conversation_id}`;
    expect(conversation?.title).toBe('Ocean salty rivers not');
  }, patience);
});

test('sixteen times eight megabytes at once: what finds no room is told so, and the worker lives', async () => {
  const pid = stack.chatPid();
  const content = 'It is long. '.repeat(80_000);
  const large = () =>
    JSON.stringify({
      ...newQuestion(person, '', ['sandbox/steady']),
      message: null,
      temporary: { messages: Array.from({ length: 8 }, () => ({ role: 'user', content })) },
    });
  const sixteen = (asker: Person) =>
    Promise.all(
      Array.from({ length: 16 }, async () => {
        const { status, body } = await readRun(await openRun(stack, asker, large()));
        return `${status} ${/"code":"(\w+)"/.exec(body)?.[1] ?? 'answered'}`;
      }),
    );
  const forged = { ...person, token: `${person.token.slice(0, -8)}AAAAAAAA` };
  expect(new Set(await sixteen(forged))).toEqual(new Set(['401 unauthorized']));

  const beside = openRun(stack, person, newQuestion(person, 'Beside', ['sandbox/steady']));
  // On the connections of those whose bodies were not read to their end.
  const answers = await sixteen(person);
  expect(answers).toContain('200 answered');
  expect(answers.filter((one) => one !== '200 answered' && one !== '503 busy')).toEqual([]);
  expect((await readRun(await beside)).done?.status).toBe('complete');
  expect(stack.chatPid()).toBe(pid);
});
