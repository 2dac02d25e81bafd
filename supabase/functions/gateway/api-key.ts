import { digest } from '../_shared/digest.ts';
import { failure } from '../_shared/errors.ts';
import { ApiError } from './api-error.ts';

const form = /^sk-oneai-[0-9a-f]{72}$/;

/**
 * The SHA-256 of the caller's key. A key that is mistyped is known by its checksum and refused
 * without asking anybody; whether one is in force, only the database knows.
 */
export async function readKeyHash(request: Request): Promise<string> {
  refuseKeyInUrl(request.url);
  const bearer = /^Bearer +(\S+)$/i.exec(request.headers.get('authorization') ?? '')?.[1];
  const named = request.headers.get('x-api-key') ?? undefined;
  if (bearer && named && bearer !== named) {
    throw unauthorized('The request carries two different keys.', 'Send one of them.');
  }
  const key = bearer ?? named;
  if (!key) {
    throw unauthorized('There is no API key in the request.', 'Send it as a bearer token.');
  }
  if (!form.test(key) || (await digest(key.slice(0, -8))).slice(0, 8) !== key.slice(-8)) {
    throw unauthorized('This is not a key of ours.', 'Check that it was copied whole.');
  }
  return digest(key);
}

/** An address is kept in many logs: whoever puts a key into one has published it. */
function refuseKeyInUrl(address: string): void {
  const { searchParams, pathname } = new URL(address);
  const names = ['key', 'api_key', 'apikey', 'api-key', 'access_token', 'token'];
  const isKey = (text: string) => text.includes('sk-oneai-');
  if (names.some((name) => searchParams.has(name)) || isKey(searchParams.toString() + pathname)) {
    throw new ApiError(
      failure(
        'unauthorized',
        'A key does not belong into an address, where logs keep it.',
        'Rotate that key, and send the new one as a bearer token.',
      ),
      { rule: 'key_in_url' },
    );
  }
}

function unauthorized(detail: string, hint: string) {
  return failure('unauthorized', detail, hint);
}
