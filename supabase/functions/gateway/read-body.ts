import {
  isTooInvolved,
  type JsonLimits,
  readBytes,
  usualJsonLimits,
} from '../_shared/read-bytes.ts';
import { invalid } from './api-error.ts';
import { type Fields, isFields } from './fields.ts';

export interface Body {
  fields: Fields;
  bytes: Uint8Array<ArrayBuffer>;
}

export interface BodyLimits extends JsonLimits {
  maxBytes: number;
  maxMs: number;
}

/** As much as a request may carry on the platform, and no longer than an honest client takes. */
export const usualBodyLimits: BodyLimits = {
  maxBytes: 20_000_000,
  maxMs: 30_000,
  ...usualJsonLimits,
};

/** The body of a request as JSON, bounded in size, in time, in depth and in parts. */
export async function readBody(request: Request, limits = usualBodyLimits): Promise<Body> {
  if (!request.body) throw invalid('body', 'The request has no body.');
  const bytes = await readBytes(request, limits);
  if (isTooInvolved(bytes, limits)) {
    const { maxDepth, maxParts } = limits;
    throw invalid('body', `The body has more than ${maxDepth} levels or ${maxParts} parts.`);
  }
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    throw invalid('body', 'The body is not JSON in UTF-8.');
  }
  if (!isFields(value)) throw invalid('body', 'The body must be a JSON object.');
  return { fields: value, bytes };
}
