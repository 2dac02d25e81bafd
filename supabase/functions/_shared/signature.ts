import { isSameSecret } from './constant-time.ts';

const encoder = new TextEncoder();

type HmacKey = ReturnType<typeof crypto.subtle.importKey>;

const algorithm = { name: 'HMAC', hash: 'SHA-256' };
/** A secret is made a key once: there are two of them at most, and a webhook a moment. */
const keys = new Map<string, HmacKey>();

function keyOf(secret: string): HmacKey {
  const known = keys.get(secret);
  if (known) return known;
  const made = crypto.subtle.importKey('raw', encoder.encode(secret), algorithm, false, ['sign']);
  keys.set(secret, made);
  return made;
}

/** HMAC-SHA256 in hex, as Razorpay signs webhooks and checkouts. */
export async function sign(
  message: Uint8Array<ArrayBuffer> | string,
  secret: string,
): Promise<string> {
  const bytes = typeof message === 'string' ? encoder.encode(message) : message;
  const mac = new Uint8Array(await crypto.subtle.sign('HMAC', await keyOf(secret), bytes));
  return Array.from(mac, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** Whether one of the secrets made the signature. Two of them are valid while they are rotated. */
export async function isSigned(
  message: Uint8Array<ArrayBuffer> | string,
  signature: string,
  secrets: readonly string[],
): Promise<boolean> {
  let isOurs = false;
  for (const secret of secrets) {
    // An empty secret signs for everybody.
    if (secret === '') continue;
    // deno-lint-ignore no-await-in-loop -- every secret is tried, so that the time tells nothing
    if (await isSameSecret(signature, await sign(message, secret))) isOurs = true;
  }
  return isOurs;
}
