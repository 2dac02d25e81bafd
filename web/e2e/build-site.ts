import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Stack } from './stack.ts';

const web = join(import.meta.dirname, '..');

export interface BuiltSite extends AsyncDisposable {
  directory: string;
}

/** The site as it would be deployed for this stack, in a folder that goes when it is disposed of. */
export async function buildSite(stack: Stack): Promise<BuiltSite> {
  const directory = await mkdtemp(join(tmpdir(), 'oneai-site-'));
  const vite = join(web, '../node_modules/vite/bin/vite.js');
  await promisify(execFile)(process.execPath, [vite, 'build', '--logLevel', 'warn'], {
    cwd: web,
    env: {
      ...process.env,
      NODE_ENV: 'production',
      SITE_DIR: directory,
      PUBLIC_SUPABASE_URL: stack.url,
      PUBLIC_SUPABASE_PUBLISHABLE_KEY: stack.publishableKey,
      PUBLIC_RAZORPAY_URL: stack.checkoutUrl,
      PUBLIC_DEMO: 'true',
      PUBLIC_OAUTH_PROVIDERS: 'github',
    },
  });
  return {
    directory,
    [Symbol.asyncDispose]: () => rm(directory, { recursive: true, force: true }),
  };
}
