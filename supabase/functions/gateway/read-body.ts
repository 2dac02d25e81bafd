import { digest } from '../_shared/digest.ts';
import {
  type ByteLimits,
  type JsonLimits,
  measureJson,
  readBytes,
  usualJsonLimits,
} from '../_shared/read-bytes.ts';
import { invalid } from './api-error.ts';
import { type Fields, isFields } from './fields.ts';
import type { MemoryShare } from './memory-room.ts';

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

/** So much is read from anybody; more only for a key that is in force, as a checksum is no secret. */
const unaskedBytes = 64_000;
/** While it is read a body is there twice; later its texts are, with two bytes a sign at worst. */
const bytesOfByte = 2;
/** An empty object, with its place in a list. */
const bytesOfPart = 68;
/** What a number may grow by, from 1e20 to its digits. */
const bytesOfExponent = 17;

export interface BodyReading {
  share: MemoryShare;
  /** Asks whether the caller's key is in force, or throws. */
  requireKey(): Promise<void>;
  wantsHash: boolean;
  limits?: BodyLimits;
}

/** The body of a request as JSON, bounded in size, in time, in depth and in parts. */
export async function readBody(
  request: Request,
  { share, requireKey, wantsHash, limits = usualBodyLimits }: BodyReading,
): Promise<Body> {
  if (!request.body) throw invalid('body', 'The request has no body.');
  let size = 0;
  const bytes = await readBytes(request, limits, async (more) => {
    if (size <= unaskedBytes && size + more > unaskedBytes) await requireKey();
    size += more;
    share.take(more * bytesOfByte);
  });
  const measure = measureJson(bytes, limits);
  if (!measure) {
    const { maxDepth, maxParts } = limits;
    throw invalid('body', `The body has more than ${maxDepth} levels or ${maxParts} parts.`);
  }
  share.take(measure.parts * bytesOfPart);
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
