import { failure, type RequestError } from './errors.ts';
import type { MemoryShare } from './memory-room.ts';
import {
  type ByteLimits,
  type JsonLimits,
  type JsonMeasure,
  measureJson,
  readBytes,
} from './read-bytes.ts';

/** So much is read from anybody; more only for a caller who is known. */
const unaskedBytes = 64_000;
/** While it is read a body is there twice; later its texts are, with two bytes a sign at worst. */
const bytesOfByte = 2;
/** An empty object, with its place in a list. */
const bytesOfPart = 68;

export interface JsonReading {
  share: MemoryShare;
  /** Asks who the caller is, or throws. */
  requireCaller(): Promise<void>;
  limits: ByteLimits & JsonLimits;
  /** How a body is refused that is not JSON as it should be. */
  invalid?(detail: string): RequestError;
}

/**
 * The bytes of a body that may be parsed: bounded in size, in time, in depth and in parts, and with
 * room in the worker's memory for all that it will be.
 */
export async function readJson(
  request: Request,
  { share, requireCaller, limits, invalid = refusal }: JsonReading,
): Promise<{ bytes: Uint8Array<ArrayBuffer>; measure: JsonMeasure }> {
  let size = 0;
  const bytes = await readBytes(request, limits, async (more) => {
    if (size <= unaskedBytes && size + more > unaskedBytes) await requireCaller();
    size += more;
    share.take(more * bytesOfByte);
  });
  const measure = measureJson(bytes, limits);
  if (!measure) {
    const { maxDepth, maxParts } = limits;
    throw invalid(`The body has more than ${maxDepth} levels or ${maxParts} parts.`);
  }
  share.take(measure.parts * bytesOfPart);
  return { bytes, measure };
}

const refusal = (detail: string) => failure('invalid_input', detail);
