import { digest } from '../_shared/digest.ts';
import { type ByteLimits, type JsonLimits, usualJsonLimits } from '../_shared/read-bytes.ts';
import { type JsonReading, readJson } from '../_shared/read-json.ts';
import { invalid } from './api-error.ts';
import { type Fields, isFields } from './fields.ts';

export interface Body {
  fields: Fields;
  /** No fewer bytes than it has when it is written again. */
  size: number;
  /** The SHA-256 of its bytes, which are not kept: where one was asked for. */
  hash: string | null;
}

export interface BodyLimits extends JsonLimits, ByteLimits {}

/** As much as a request may carry on the platform, and no longer than an honest client takes. */
export const usualBodyLimits: BodyLimits = {
  maxBytes: 20_000_000,
  maxMs: 30_000,
  ...usualJsonLimits,
};

/** What a number may grow by, from 1e20 to its digits. */
const bytesOfExponent = 17;

export interface BodyReading extends Pick<JsonReading, 'share' | 'requireCaller'> {
  wantsHash: boolean;
  limits?: BodyLimits;
}

/** The body of a request as an object. */
export async function readBody(
  request: Request,
  { share, requireCaller, wantsHash, limits = usualBodyLimits }: BodyReading,
): Promise<Body> {
  if (!request.body) throw invalid('body', 'The request has no body.');
  const encoding = request.headers.get('content-encoding') ?? 'identity';
  if (encoding !== 'identity') {
    const detail = `A body is not taken as ${encoding.slice(0, 40)}.`;
    throw invalid('Content-Encoding', detail, 'Send it uncompressed.');
  }
  const { bytes, measure } = await readJson(request, {
    share,
    requireCaller,
    limits,
    invalid: (detail) => invalid('body', detail),
  });
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    throw invalid('body', 'The body is not JSON in UTF-8.');
  }
  if (!isFields(value)) throw invalid('body', 'The body must be a JSON object.');
  return {
    fields: value,
    size: bytes.length + measure.exponents * bytesOfExponent,
    hash: wantsHash ? await digest(bytes) : null,
  };
}
