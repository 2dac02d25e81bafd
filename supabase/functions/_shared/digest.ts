import { sha256 } from 'npm:@noble/hashes@1.8.0/sha2.js';
import { bytesToHex } from 'npm:@noble/hashes@1.8.0/utils.js';

const encoder = new TextEncoder();
const longBytes = 16_384;

/** SHA-256 in hex. What is short is hashed right here: the way to another thread costs ten times that. */
export async function digest(of: string | Uint8Array<ArrayBuffer>): Promise<string> {
  const bytes = typeof of === 'string' ? encoder.encode(of) : of;
  if (bytes.length < longBytes) return bytesToHex(sha256(bytes));
  return bytesToHex(new Uint8Array(await crypto.subtle.digest('SHA-256', bytes)));
}
