import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseEnv } from 'node:util';

/** Where the backend is and the key to it: from the environment, or from the stack that runs here. */
export function backend(): { url: string; secretKey: string } {
  const file = join(import.meta.dirname, '../../.stack/env');
  const stack = existsSync(file) ? parseEnv(readFileSync(file, 'utf8')) : {};
  const url = process.env['SUPABASE_URL'] ?? stack['SUPABASE_URL'];
  const secretKey = process.env['SUPABASE_SECRET_KEY'] ?? stack['SUPABASE_SECRET_KEY'];
  if (url && secretKey) return { url, secretKey };
  throw new Error(
    'Set SUPABASE_URL and SUPABASE_SECRET_KEY, or start the local stack: npm run stack',
  );
}

/** A request as our own server, with its answer as JSON. */
export async function post(path: string, body: object): Promise<unknown> {
  const { url, secretKey } = backend();
  const response = await fetch(`${url}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'content-profile': 'api', apikey: secretKey },
    body: JSON.stringify(body),
    signal: AbortSignal.timeout(150_000),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`${path} answered ${response.status}: ${text.slice(0, 500)}`);
  return JSON.parse(text) as unknown;
}
