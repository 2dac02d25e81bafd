import { gatewayUrl } from '#lib/api/gateway.ts';
import { readSse } from '#lib/chat/read-sse.ts';
import { explain, isAborted } from '#lib/errors.ts';
import type { Call } from '#lib/snippets/call-snippets.ts';

export interface CallUsage {
  prompt_tokens?: number;
  completion_tokens?: number;
  cost?: number | null;
  cost_credits?: number | null;
  cost_label?: string;
}

interface CallError {
  message: string;
  code?: string | null;
  param?: string | null;
}

interface Choice {
  message?: { content?: string | null; reasoning?: string | null };
  delta?: { content?: string | null; reasoning?: string | null };
  finish_reason?: string | null;
}

interface Answer {
  model?: string;
  choices?: Choice[];
  usage?: CallUsage | null;
  error?: CallError;
}

export interface ModelChoice {
  id: string;
  name: string;
}

/** One call at a time, made as any program would make it: with a key, to the public address. */
export class Playground {
  /** In memory only: it is gone with the page. */
  secret = $state('');
  models = $state.raw<readonly ModelChoice[]>([]);
  keyProblem = $state('');
  isRunning = $state(false);
  status = $state.raw<{ code: number; text: string } | null>(null);
  headers = $state.raw<readonly (readonly [string, string])[]>([]);
  text = $state('');
  reasoning = $state('');
  finishReason = $state('');
  model = $state('');
  usage = $state.raw<CallUsage | null>(null);
  error = $state.raw<CallError | null>(null);
  raw = $state('');
  firstMs = $state<number | null>(null);
  totalMs = $state<number | null>(null);
  #abort: AbortController | null = null;

  /** Takes a key if the gateway does, and learns from it what can be called. */
  async use(secret: string): Promise<boolean> {
    this.keyProblem = '';
    try {
      const response = await fetch(`${gatewayUrl}/models`, {
        headers: { authorization: `Bearer ${secret}` },
      });
      const body = (await response.json()) as { data?: ModelChoice[]; error?: CallError };
      // A key that may not read can still call: then its models are not known here.
      if (!response.ok && response.status !== 403) {
        this.keyProblem = body.error?.message ?? 'That key is not accepted.';
        return false;
      }
      this.models = body.data ?? [];
      this.secret = secret;
      return true;
    } catch (error) {
      const { message, next } = explain(error);
      this.keyProblem = `${message} ${next}`;
      return false;
    }
  }

  forget(): void {
    this.stop();
    this.secret = '';
    this.models = [];
  }

  stop(): void {
    this.#abort?.abort();
  }

  #clear(): void {
    this.status = null;
    this.headers = [];
    this.text = '';
    this.reasoning = '';
    this.finishReason = '';
    this.model = '';
    this.usage = null;
    this.error = null;
    this.raw = '';
    this.firstMs = null;
    this.totalMs = null;
  }

  async run({ path, body }: Call): Promise<void> {
    if (this.isRunning) return;
    this.#clear();
    const abort = (this.#abort = new AbortController());
    this.isRunning = true;
    const begun = performance.now();
    try {
      const response = await fetch(gatewayUrl + path, {
        method: 'POST',
        headers: { authorization: `Bearer ${this.secret}`, 'content-type': 'application/json' },
        body: JSON.stringify(body),
        signal: abort.signal,
      });
      this.status = { code: response.status, text: response.statusText };
      this.headers = [...response.headers]
        .filter(([name]) => /^(x-request-id|x-oneai-|ratelimit|retry-after)/.test(name))
        .toSorted(([one], [other]) => one.localeCompare(other));
      if (response.headers.get('content-type')?.includes('event-stream') && response.body) {
        await this.#follow(response.body, begun);
      } else {
        this.raw = await response.text();
        this.#take(JSON.parse(this.raw) as Answer);
        this.raw = JSON.stringify(JSON.parse(this.raw), null, 2);
      }
    } catch (error) {
      if (isAborted(error)) this.finishReason = 'stopped here';
      else this.error = { message: explain(error).message };
    }
    this.totalMs = performance.now() - begun;
    this.isRunning = false;
  }

  async #follow(stream: ReadableStream<Uint8Array>, begun: number): Promise<void> {
    for await (const { data } of readSse(stream)) {
      this.raw += `data: ${data}\n\n`;
      if (data === '[DONE]') return;
      this.#take(JSON.parse(data) as Answer);
      if (this.firstMs === null && (this.text || this.reasoning)) {
        this.firstMs = performance.now() - begun;
      }
    }
  }

  #take({ model, choices, usage, error }: Answer): void {
    const choice = choices?.[0];
    const said = choice?.message ?? choice?.delta;
    this.text += said?.content ?? '';
    this.reasoning += said?.reasoning ?? '';
    if (choice?.finish_reason) this.finishReason = choice.finish_reason;
    if (model) this.model = model;
    if (usage) this.usage = usage;
    if (error) this.error = error;
  }
}
