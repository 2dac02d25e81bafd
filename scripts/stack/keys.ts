import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { generateApiKey } from '@supabase/lite';

export interface Keys {
  jwtSecret: string;
  publishable: string;
  secret: string;
}

/** Made once per data folder, so that sessions and keys in use outlive a restart. */
export async function loadKeys(dataDir: string): Promise<Keys> {
  const file = join(dataDir, 'keys.json');
  if (existsSync(file)) return JSON.parse(readFileSync(file, 'utf8')) as Keys;
  const keys: Keys = {
    jwtSecret: randomBytes(32).toString('base64url'),
    publishable: (await generateApiKey('publishable')).key,
    secret: (await generateApiKey('secret')).key,
  };
  writeFileSync(file, JSON.stringify(keys, null, 2), { mode: 0o600 });
  return keys;
}
