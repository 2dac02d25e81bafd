import { isDeeperThan, readBytes } from '../_shared/read-bytes.ts';
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
  if (!request.body) throw invalid('body', 'The request has no body.');
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
