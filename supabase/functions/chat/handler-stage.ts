import { createMemoryRoom } from '../_shared/memory-room.ts';
import type { Limits } from '../_shared/metered-stream.ts';
import type { Rpc } from '../_shared/rpc.ts';
import { startSandboxProcess } from '../_shared/sandbox-process.ts';
import type { ChatDeps } from './chat-call.ts';
import { handleChat } from './handler.ts';

const sandbox = await startSandboxProcess();
Deno.test.afterAll(() => sandbox.stop());

export const ids = {
  account_id: '00000000-0000-4000-8000-000000000001',
  conversation_id: '00000000-0000-4000-8000-000000000002',
  answer_id: '00000000-0000-4000-8000-000000000003',
};
export const runId = '00000000-0000-4000-8000-000000000004';
export const message = {
  id: '00000000-0000-4000-8000-000000000005',
  parent_id: null,
  content: 'Hello',
};
export const body = { ...ids, models: ['sandbox/steady'], message, answer_to: null, options: {} };
export const settlement = {
  receipt: { charged_micros: 7, finish_reason: 'stop' },
  wallet: { available_micros: 1, balance_micros: 1, held_micros: 0 },
  limits: { requests_this_month: 1, requests_per_month: 100 },
};
export const verdict = {
  allowed: true,
  run_id: runId,
  is_replay: false,
  model_ids: ['sandbox/steady'],
  max_tokens: 1000,
  max_prompt_usd: 0.001,
  max_completion_usd: 0.002,
  rate_limit: 20,
  rate_remaining: 19,
  hour_limit: null,
  hour_remaining: null,
  day_limit: null,
  day_remaining: null,
  quota_limit: 100,
  quota_remaining: 99,
  rate_resets_at: null,
  quota_resets_at: null,
};
export const started = {
  verdict,
  conversation_id: ids.conversation_id,
  user_message_id: message.id,
  answer_id: ids.answer_id,
  context: [
    { role: 'user', content: 'Before' },
    { role: 'assistant', content: 'Yes' },
    { role: 'user', content: 'Hello' },
  ],
  trimmed: null,
  stored: true,
};

interface Called {
  name: string;
  parameters: Record<string, unknown>;
  bearer: string | undefined;
  requestId: string;
}

/** The function with a database that answers as told, and says what it was asked. */
export function start(
  answers: Record<string, (parameters: Record<string, unknown>) => unknown> = {},
  room = createMemoryRoom(),
  limits: Partial<Limits> = {},
) {
  const calls: Called[] = [];
  const work: Promise<unknown>[] = [];
  const running = new Map<string, () => void>();
  const usual: typeof answers = {
    is_person: () => true,
    start_answer: () => started,
    start_temporary_answer: () => ({ verdict, kept: [1], trimmed: null }),
    append_frames: () => false,
    finish_answer: () => settlement,
    stop_run: () => true,
  };
  const rpc: Rpc = async <Result>(
    name: string,
    parameters: Record<string, unknown>,
    { bearer, requestId }: Parameters<Rpc>[2],
  ) => {
    calls.push({ name, parameters, bearer, requestId });
    const answer = { ...usual, ...answers }[name];
    if (!answer) throw new Error(`${name} is not expected`);
    return (await answer(parameters)) as Result;
  };
  const deps: ChatDeps = {
    env: { supabaseUrl: 'http://api', publishableKey: 'public', secretKey: 'secret' },
    openRouterUrl: sandbox.url,
    openRouterKey: 'sk-of-the-tests',
    fetch,
    rpc,
    room,
    running,
    waitUntil: (promise) => void work.push(promise),
    limits,
  };
  return {
    calls,
    running,
    done: () => Promise.all(work),
    named: (name: string) => calls.filter((call) => call.name === name),
    send: (path: string, method: string, content?: unknown, headers: HeadersInit = {}) =>
      handleChat(
        new Request(`http://functions/chat${path}`, {
          method,
          headers: {
            authorization: 'Bearer the.users.token',
            'x-request-id': 'the-id-of-it',
            ...headers,
          },
          ...(content === undefined
            ? {}
            : { body: isBody(content) ? content : JSON.stringify(content) }),
        }),
        deps,
      ),
  };
}

const isBody = (content: unknown): content is string | ReadableStream<Uint8Array> =>
  typeof content === 'string' || content instanceof ReadableStream;
export const codeOf = async (response: Response) =>
  ((await response.json()) as { error: { code: string } }).error.code;
export const eventOf = (text: string, name: string) =>
  JSON.parse(new RegExp(`event: ${name}\\ndata: (.*)\\n\\n`).exec(text)?.[1] ?? 'null') as Record<
    string,
    unknown
  > | null;
export const textOf = (text: string) =>
  [...text.matchAll(/"content":"([^"]*)"/g)].map((match) => match[1]).join('');
