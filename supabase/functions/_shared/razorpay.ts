// Razorpay through its own package, with what the package lacks: an address and a time limit of our
// choice, errors that can be told apart, the idempotency of refunds, and retries where they are safe.
import Razorpay from 'npm:razorpay@2.9.8';
import { failure, RequestError } from './errors.ts';

/** Anything Razorpay has an id for. */
export type Entity = Record<string, unknown> & { id: string };
export type Page = { items: Entity[] };

export interface RazorpaySettings {
  baseUrl: string;
  keyId: string;
  keySecret: string;
  timeoutMs?: number;
  wait?: (ms: number) => Promise<void>;
}

/** Why Razorpay gave no answer to use. A status of 0 is no answer at all. */
export class RazorpayError extends Error {
  override name = 'RazorpayError';
  readonly status: number;
  readonly isPassing: boolean;
  readonly description: string;

  constructor(status: number, description: string) {
    super(`Razorpay answered ${status}: ${description}`);
    this.status = status;
    this.description = description;
    this.isPassing = status === 0 || status === 408 || status === 429 || status >= 500;
  }
}

export interface RazorpayClient {
  keyId: string;
  keySecret: string;
  /** One request to one path, once. */
  send(method: Method, path: string, data?: Record<string, unknown>): Promise<Entity>;
  /** The same, again after a while if that may help and is safe; `find` looks for what an earlier try left. */
  ask(
    method: Method,
    path: string,
    data?: Record<string, unknown>,
    find?: () => Promise<Entity | undefined>,
  ): Promise<Asked>;
  list(path: string, query?: Record<string, unknown>): Promise<Entity[]>;
  /** When Razorpay gave this answer, by its own clock, in seconds. */
  seenAt(answer: object): number;
}

export interface Asked {
  answer: Entity;
  attempts: number;
}

type Method = 'get' | 'post' | 'patch' | 'delete';

interface Sent {
  data: unknown;
  headers: Record<string, unknown>;
}
interface Requested {
  url?: string;
  data?: Record<string, unknown>;
  headers: { set(name: string, value: string): void };
}
/** What we use of the axios instance inside the package. */
interface Wire {
  defaults: Record<string, unknown>;
  interceptors: {
    request: { use(on: (request: Requested) => Requested): void };
    response: {
      use(
        on: (response: Sent) => Sent,
        failed: (error: { response?: { status: number } }) => never,
      ): void;
    };
  };
}
type Call = (parameters: { url: string; data?: Record<string, unknown> }) => Promise<Entity>;

const maxAttempts = 3;
const pageSize = 100;
const maxBytes = 5_000_000;

export function openRazorpay(settings: RazorpaySettings): RazorpayClient {
  const { baseUrl, keyId, keySecret, timeoutMs = 8_000 } = settings;
  const wait = settings.wait ?? ((ms) => new Promise<void>((done) => setTimeout(done, ms)));
  const sdk = new Razorpay({ key_id: keyId, key_secret: keySecret });
  const api = (sdk as unknown as { api: { rq: Wire } & Record<Method, Call> }).api;
  Object.assign(api.rq.defaults, {
    baseURL: baseUrl.replace(/\/$/, ''),
    timeout: timeoutMs,
    adapter: 'fetch',
    maxContentLength: maxBytes,
    maxRedirects: 0,
  });
  const moments = new WeakMap<object, number>();

  api.rq.interceptors.request.use((request) => {
    const receipt = request.data?.['receipt'];
    if (request.url?.endsWith('/refund') && typeof receipt === 'string') {
      request.headers.set('X-Refund-Idempotency', receipt);
    }
    return request;
  });
  api.rq.interceptors.response.use(
    (response) => {
      const { data, headers } = response;
      if (typeof data !== 'object' || data === null) throw unusable('no JSON came back');
      const told = Date.parse(String(headers['date'] ?? ''));
      moments.set(data, Math.floor((Number.isNaN(told) ? Date.now() : told) / 1000));
      return response;
    },
    (error) => {
      // The package reads the status of an answer even when there is none.
      if (!error.response) throw unusable(String(error));
      throw error;
    },
  );

  async function send(method: Method, path: string, data?: Record<string, unknown>) {
    try {
      const answer = await api[method]({ url: path, ...(data ? { data } : {}) });
      if (!isEntity(answer)) throw new RazorpayError(502, 'the answer is no entity');
      return answer;
    } catch (error) {
      throw toRazorpayError(error);
    }
  }

  function ask(
    method: Method,
    path: string,
    data?: Record<string, unknown>,
    find?: () => Promise<Entity | undefined>,
  ): Promise<Asked> {
    const isSafe = method === 'get' || find !== undefined;
    const attempt = async (nth: number): Promise<Asked> => {
      try {
        // Whatever an earlier try left behind is taken, never made a second time.
        const found = nth > 1 ? await find?.() : undefined;
        return { answer: found ?? (await send(method, path, data)), attempts: nth };
      } catch (error) {
        const last = error as RazorpayError;
        if (!last.isPassing || !isSafe || nth >= maxAttempts) throw last;
        await wait(200 * 2 ** nth * (0.5 + Math.random()));
        return attempt(nth + 1);
      }
    };
    return attempt(1);
  }

  return {
    keyId,
    keySecret,
    send,
    ask,
    async list(path, query = {}) {
      const items: Entity[] = [];
      for (;;) {
        const page = { ...query, count: pageSize, skip: items.length };
        // deno-lint-ignore no-await-in-loop -- a page begins where the one before ended
        const { answer } = await ask('get', path, page);
        const { items: more = [] } = answer as unknown as Partial<Page>;
        items.push(...more);
        if (more.length < pageSize) return items;
      }
    },
    seenAt: (answer) => moments.get(answer) ?? Math.floor(Date.now() / 1000),
  };
}

/** An entity has an id; a list has items, a charge names its payment, and what is deleted has neither. */
function isEntity(answer: Record<string, unknown>): boolean {
  return (
    typeof answer['id'] === 'string' ||
    typeof answer['razorpay_payment_id'] === 'string' ||
    Array.isArray(answer['items']) ||
    answer['deleted'] === true
  );
}

function unusable(description: string) {
  return { response: { status: 0, data: { error: { description } } } };
}

function toRazorpayError(error: unknown): RazorpayError {
  if (error instanceof RazorpayError) return error;
  const { statusCode, error: told } = error as { statusCode?: number; error?: unknown };
  const description = (told as { description?: unknown } | undefined)?.description;
  const fallback = statusCode === undefined ? String(error) : 'it gave no reason';
  return new RazorpayError(
    statusCode ?? 0,
    typeof description === 'string' ? description.slice(0, 300) : fallback,
  );
}

/** What the caller of a function of ours is told of it. */
export function fromRazorpay(error: unknown): unknown {
  if (!(error instanceof RazorpayError)) return error;
  if (error.isPassing || error.status === 401) {
    return failure(
      'upstream_unavailable',
      'The payment service does not answer.',
      'Nothing was charged by this. Try again shortly.',
    );
  }
  return new RequestError({
    status: 409,
    code: 'conflict',
    detail: `The payment service refused: ${error.description}`,
    hint: 'Load the page again and retry.',
  });
}
