/** What the sandbox's tests share: a running sandbox and readers that see every byte. */
import http from 'node:http';
import { expect } from 'vitest';
import { startOpenRouter } from '../openrouter.ts';
import type { Run } from './accounting.ts';

export interface Chunk {
  id: string;
  model: string;
  provider: string;
  error?: { code: number; message: string };
  choices: {
    delta: {
      role?: string;
      content?: string | null;
      reasoning?: string | null;
      reasoning_details?: Record<string, unknown>[];
      tool_calls?: {
        index: number;
        id?: string;
        function: { name?: string; arguments: string };
      }[];
      images?: { image_url: { url: string } }[];
    };
    logprobs?: { content: { token: string; logprob: number; top_logprobs: unknown[] }[] };
    finish_reason: string | null;
    native_finish_reason: string | null;
  }[];
  usage?: Usage;
}

export interface Usage {
  prompt_tokens: number;
  completion_tokens: number;
  total_tokens: number;
  cost: number;
  prompt_tokens_details: { cached_tokens: number; cache_write_tokens: number };
  completion_tokens_details: { reasoning_tokens: number; image_tokens: number };
}

export interface Whole {
  id: string;
  model: string;
  provider: string;
  error?: { code: number; message: string; metadata?: Record<string, unknown> };
  choices: {
    finish_reason: string | null;
    native_finish_reason: string | null;
    logprobs: unknown;
    message: {
      content: string | null;
      reasoning: string | null;
      reasoning_details?: Record<string, unknown>[];
      tool_calls?: { id: string; function: { name: string; arguments: string } }[];
      images?: { image_url: { url: string } }[];
    };
  }[];
  usage: Usage;
}

/** Everything that came back, and how it ended. */
export interface Raw {
  status: number | null;
  headers: http.IncomingHttpHeaders;
  parts: Buffer[];
  text: string;
  end: 'complete' | 'cut' | 'no answer';
}

type Body = Record<string, unknown>;

export async function startTestSandbox() {
  const server = await startOpenRouter({ port: 0, behaviour: { delayMs: 0, frameMs: 0 } });
  const base = `${server.url}/api/v1`;
  const agent = new http.Agent({ keepAlive: true });
  const headers = {
    authorization: 'Bearer sk-test-key-0123456789',
    'content-type': 'application/json',
  };

  // The caller says what shape it expects; the tests then check it.
  // eslint-disable-next-line @typescript-eslint/no-unnecessary-type-parameters
  const get = async <T = unknown>(path: string): Promise<{ status: number; body: T }> => {
    const response = await fetch(server.url + path, { headers });
    return { status: response.status, body: (await response.json()) as T };
  };
  const post = (path: string, body: unknown): Promise<Response> =>
    fetch(base + path, { method: 'POST', headers, body: JSON.stringify(body) });

  /** Sends a chat request over a plain socket; `until` may hang up early. */
  const raw = (body: Body, until?: (text: string) => boolean): Promise<Raw> => {
    const { promise, resolve } = Promise.withResolvers<Raw>();
    const payload = JSON.stringify(body);
    const result: Raw = { status: null, headers: {}, parts: [], text: '', end: 'no answer' };
    const request = http.request(`${base}/chat/completions`, { method: 'POST', agent, headers });
    const finish = (end: Raw['end']): void => {
      result.end = end;
      result.text = Buffer.concat(result.parts).toString();
      resolve(result);
    };
    request.on('error', () => finish(result.status === null ? 'no answer' : 'cut'));
    request.on('response', (response) => {
      result.status = response.statusCode ?? null;
      result.headers = response.headers;
      if (until?.('')) request.destroy();
      response.on('data', (part: Buffer) => {
        result.parts.push(part);
        if (until?.(Buffer.concat(result.parts).toString())) request.destroy();
      });
      response.on('end', () => finish('complete'));
      response.on('error', () => finish('cut'));
    });
    request.end(payload);
    return promise;
  };

  return {
    url: server.url,
    base,
    stop: async () => {
      agent.destroy();
      await server.stop();
    },
    get,
    post,
    raw,
    chat: async (body: Body): Promise<{ status: number; headers: Headers; body: Whole }> => {
      const response = await post('/chat/completions', body);
      const { status, headers: sent } = response;
      return { status, headers: sent, body: (await response.json()) as Whole };
    },
    stream: async (body: Body): Promise<Chunk[]> => {
      const { text } = await raw({ ...body, stream: true });
      return chunksOf(text);
    },
    stats: async () => (await get<Record<string, unknown>>('/sandbox/stats')).body,
    runs: async (query: string) =>
      (await get<{ data: Run[] }>(`/sandbox/requests?${query}`)).body.data,
    reset: () => fetch(`${server.url}/sandbox/reset`, { method: 'POST' }),
  };
}

export type TestSandbox = Awaited<ReturnType<typeof startTestSandbox>>;

/** The data of each event, read as the event-stream standard says. */
export function eventsOf(text: string): string[] {
  const events: string[] = [];
  let data: string[] = [];
  for (const line of text.split(/\r\n|\r|\n/)) {
    if (line === '') {
      if (data.length > 0) events.push(data.join('\n'));
      data = [];
    } else if (line.startsWith('data:')) {
      data.push(line.slice(line[5] === ' ' ? 6 : 5));
    }
  }
  return events;
}

export function chunksOf(text: string): Chunk[] {
  return eventsOf(text)
    .filter((data) => data !== '[DONE]')
    .map((data) => JSON.parse(data) as Chunk);
}

export function textOf(chunks: Chunk[]): string {
  return chunks.map((chunk) => chunk.choices[0]?.delta.content ?? '').join('');
}

/** Waits for something that is about to be true, with patience for a busy machine. */
export function soon<T>(read: () => Promise<T>) {
  return expect.poll(read, { timeout: 60_000, interval: 10 });
}

export function ask(content: unknown, more: Body = {}): Body {
  return { model: 'openai/gpt-4o', messages: [{ role: 'user', content }], ...more };
}
