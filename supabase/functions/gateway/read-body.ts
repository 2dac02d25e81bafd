import { failure, RequestError } from '../_shared/errors.ts';
import { concatBytes } from '../_shared/sse-frames.ts';
import { invalid } from './api-error.ts';
import { type Fields, isFields } from './fields.ts';

export interface Body {
  fields: Fields;
  bytes: Uint8Array<ArrayBuffer>;
}

export interface BodyLimits {
  maxBytes: number;
  maxMs: number;
  maxDepth: number;
}

/** As much as a request may carry on the platform, and no longer than an honest client takes. */
export const usualBodyLimits: BodyLimits = {
  maxBytes: 20_000_000,
  maxMs: 30_000,
  maxDepth: 100,
};

/** The body of a request as JSON, bounded in size, in time and in depth. */
export async function readBody(request: Request, limits = usualBodyLimits): Promise<Body> {
  const told = Number(request.headers.get('content-length') ?? 0);
  if (told > limits.maxBytes) throw tooLarge(limits);
  const bytes = await readBytes(request, limits);
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    throw invalid('body', 'The body is not JSON in UTF-8.');
  }
  if (!isFields(value)) throw invalid('body', 'The body must be a JSON object.');
  if (isDeeperThan(value, limits.maxDepth)) {
    throw invalid('body', `The body is nested more than ${limits.maxDepth} levels deep.`);
  }
  return { fields: value, bytes };
}

async function readBytes(
  request: Request,
  { maxBytes, maxMs }: BodyLimits,
): Promise<Uint8Array<ArrayBuffer>> {
  if (!request.body) throw invalid('body', 'The request has no body.');
  const reader = request.body.getReader();
  let isLate = false;
  const late = setTimeout(() => {
    isLate = true;
    void reader.cancel().catch(() => {});
  }, maxMs);
  const parts: Uint8Array[] = [];
  let size = 0;
  try {
    for (;;) {
      // deno-lint-ignore no-await-in-loop
      const { done, value } = await reader.read();
      if (isLate) throw tooSlow();
      if (done) break;
      size += value.length;
      if (size > maxBytes) {
        void reader.cancel().catch(() => {});
        throw tooLarge({ maxBytes });
      }
      parts.push(value);
    }
  } finally {
    clearTimeout(late);
  }
  return concatBytes(parts) as Uint8Array<ArrayBuffer>;
}

function tooLarge({ maxBytes }: { maxBytes: number }) {
  return failure('too_large', `The body is larger than ${maxBytes} bytes.`, 'Send less.');
}

function tooSlow() {
  return new RequestError({
    status: 408,
    code: 'request_timeout',
    detail: 'The body did not come in time.',
    hint: 'Send it faster.',
  });
}

/** Without recursion: what it looks for would break that. */
function isDeeperThan(root: unknown, most: number): boolean {
  let level: unknown[] = [root];
  for (let depth = 0; level.length > 0; depth += 1) {
    if (depth > most) return true;
    level = level.flatMap((value) =>
      typeof value === 'object' && value !== null
        ? Object.values(value).filter((one) => typeof one === 'object' && one !== null)
        : [],
    );
  }
  return false;
}
