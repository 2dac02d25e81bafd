// A client of functions/chat as the page is one: it asks, reads, resumes and stops.
import { randomUUID } from 'node:crypto';

export interface Person {
  token: string;
  accountId: string;
}

export interface ChatStack {
  url: string;
  publishableKey: string;
}

export interface Frame {
  id: number;
  content: string;
  reasoning: string;
}

export interface Done {
  status: string;
  finish_reason: string | null;
  receipt: { charged_micros: number; cost_label: string } | null;
  wallet: { available_micros: number; held_micros: number } | null;
  error: { code: string; message: string; charged_micros: number | null } | null;
}

/** What one connection gave: all of it, or what came before it was cut. */
export interface Seen {
  status: number;
  run: Record<string, unknown> | null;
  frames: Frame[];
  done: Done | null;
  body: string;
}

export async function signUp({ url, publishableKey }: ChatStack, email: string): Promise<Person> {
  const headers = { apikey: publishableKey, 'content-type': 'application/json' };
  const signed = await fetch(`${url}/auth/v1/signup`, {
    method: 'POST',
    headers,
    body: JSON.stringify({ email, password: 'a long password' }),
  });
  const { access_token: token } = (await signed.json()) as { access_token: string };
  const accounts = await fetch(`${url}/rest/v1/accounts?select=id`, {
    headers: { ...headers, 'accept-profile': 'api', authorization: `Bearer ${token}` },
  });
  const [account] = (await accounts.json()) as { id: string }[];
  return { token, accountId: account?.id ?? '' };
}

export function newQuestion(person: Person, content: string, models: string[]) {
  return {
    account_id: person.accountId,
    conversation_id: randomUUID() as string,
    answer_id: randomUUID() as string,
    models,
    message: { id: randomUUID() as string, parent_id: null as string | null, content },
    answer_to: null as string | null,
    options: {} as Record<string, unknown>,
  };
}

/** Where functions are called: through the stack's one origin, or past it. */
export type Answering = Pick<ChatStack, 'url'> | { functionsUrl: string };

function functionsOf(stack: Answering): string {
  return 'functionsUrl' in stack ? stack.functionsUrl : `${stack.url}/functions/v1`;
}

export function openRun(
  stack: Answering,
  { token }: Person,
  body: unknown,
  signal?: AbortSignal,
): Promise<Response> {
  return fetch(`${functionsOf(stack)}/chat/runs`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: typeof body === 'string' ? body : JSON.stringify(body),
    ...(signal && { signal }),
  });
}

export function resumeRun(
  stack: Answering,
  { token }: Person,
  runId: string,
  after: number,
): Promise<Response> {
  return fetch(`${functionsOf(stack)}/chat/runs/${runId}?after=${after}`, {
    headers: { authorization: `Bearer ${token}` },
  });
}

export async function stopRun(
  stack: Answering,
  { token }: Person,
  runId: string,
): Promise<boolean> {
  const response = await fetch(`${functionsOf(stack)}/chat/runs/${runId}/stop`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}` },
  });
  return ((await response.json()) as { stopped: boolean }).stopped;
}

/** Reads to the end, or until the connection is cut by `isEnough` or by somebody else. */
export async function readRun(
  response: Response,
  isEnough: (seen: Seen) => boolean = () => false,
): Promise<Seen> {
  const seen: Seen = { status: response.status, run: null, frames: [], done: null, body: '' };
  if (!response.body || !response.headers.get('content-type')?.startsWith('text/event-stream')) {
    seen.body = await response.text();
    return seen;
  }
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = '';
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return seen;
      text += value;
      const frames = text.split('\n\n');
      text = frames.pop() ?? '';
      for (const frame of frames) takeFrame(frame, seen);
      if (!isEnough(seen)) continue;
      await reader.cancel();
      return seen;
    }
  } catch {
    return seen;
  }
}

function takeFrame(frame: string, seen: Seen): void {
  const field = (name: string) =>
    frame
      .split('\n')
      .filter((line) => line.startsWith(`${name}:`))
      .map((line) => line.slice(name.length + 1).trim())
      .join('\n');
  const data = field('data');
  if (data === '' || data === '[DONE]') return;
  const event = field('event');
  if (event === 'run') seen.run = JSON.parse(data) as Record<string, unknown>;
  else if (event === 'done') seen.done = JSON.parse(data) as Done;
  else if (field('id') !== '') {
    const { delta } =
      (JSON.parse(data) as { choices: { delta: Partial<Frame> }[] }).choices[0] ?? {};
    const { content, reasoning } = delta ?? {};
    seen.frames.push({
      id: Number(field('id')),
      content: content ?? '',
      reasoning: reasoning ?? '',
    });
  }
}

export const textOf = (frames: Frame[]) => frames.map(({ content }) => content).join('');
