import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import postgres from 'postgres';
import { startPostgres } from '../stack/postgres.ts';
import { loadSchemas } from './load-schemas.ts';
import { applyMigrations, preparePlatform, runBootstrap, supabaseFolder } from './migrate.ts';

/** What a database starts with: the platform only, or our schema on top, from either of its forms. */
export type Source = 'bootstrap' | 'migrations' | 'schemas';

export interface ScratchDatabase {
  name: string;
  url: (role: 'supabase_admin' | 'postgres' | 'authenticator') => string;
}

export interface Scratch extends AsyncDisposable {
  /** The superuser's, for what is done to the server as a whole. */
  url: string;
  /** A new database cloned from a source, or from another scratch database nobody is connected to. */
  database(name: string, from: Source | ScratchDatabase): Promise<ScratchDatabase>;
  stop(): Promise<void>;
}

export interface ScratchOptions {
  /** Writes reach the disk before a commit returns, as in production. Needed by benches only. */
  durable?: boolean;
  settings?: string[];
  /** The folder that holds `migrations/` and `schemas/`. */
  folder?: string;
  log?: (line: string) => void;
}

const fast = ['fsync=off', 'synchronous_commit=off', 'full_page_writes=off'];

/** A Postgres of its own in a temporary folder; gone with everything in it when stopped. */
export async function startScratch(options: ScratchOptions = {}): Promise<Scratch> {
  const folder = mkdtempSync(join(tmpdir(), 'oneai-scratch-'));
  const server = await startPostgres({
    dataDir: join(folder, 'data'),
    port: await freePort(),
    settings: [...(options.durable ? [] : fast), ...(options.settings ?? [])],
    ...(options.log ? { log: options.log } : {}),
  }).catch((error: unknown) => {
    rmSync(folder, { recursive: true, force: true });
    throw error;
  });
  // A process that ends by a signal or a bug takes its server and its files with it.
  const abandon = () => {
    const pidFile = join(folder, 'data/postmaster.pid');
    process.kill(Number(readFileSync(pidFile, 'utf8').split('\n')[0]), 'SIGQUIT');
    const pause = new Int32Array(new SharedArrayBuffer(4));
    for (let i = 0; existsSync(pidFile) && i < 1000; i += 1) Atomics.wait(pause, 0, 0, 10);
    rmSync(folder, { recursive: true, force: true });
  };
  process.once('exit', abandon);
  const stop = async () => {
    process.off('exit', abandon);
    await server.stop();
    rmSync(folder, { recursive: true, force: true });
  };
  return {
    ...scratchAt(server.url('supabase_admin'), options.folder),
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

/** The databases of a scratch server that runs already, in this process or in another. */
export function scratchAt(
  superuserUrl: string,
  folder = supabaseFolder,
): Pick<Scratch, 'url' | 'database'> {
  const handle = (name: string): ScratchDatabase => ({
    name,
    // Every role of the bootstrap has the same local password.
    url: (role) => Object.assign(new URL(superuserUrl), { username: role, pathname: name }).href,
  });
  const templates = new Map<Source, Promise<ScratchDatabase>>();

  const template = (source: Source) => {
    const found = templates.get(source) ?? build(source);
    templates.set(source, found);
    return found;
  };
  const build = async (source: Source) => {
    const made = handle(`template_${source}`);
    await create(superuserUrl, made.name, 'template0');
    await fill[source](made.url('supabase_admin'), folder);
    return made;
  };

  return {
    url: superuserUrl,
    async database(name, from) {
      const parent = typeof from === 'string' ? await template(from) : from;
      const clone = handle(name);
      await create(superuserUrl, name, parent.name);
      // A clone inherits the tables, but not the settings and grants of the database itself.
      await runBootstrap(clone.url('supabase_admin'));
      return clone;
    },
  };
}

const fill: Record<Source, (superuserUrl: string, folder: string) => Promise<void>> = {
  bootstrap: preparePlatform,
  migrations: (superuserUrl, folder) => applyMigrations(superuserUrl, { folder }),
  schemas: async (superuserUrl, folder) => {
    await preparePlatform(superuserUrl);
    await loadSchemas(superuserUrl, join(folder, 'schemas'));
  },
};

async function create(superuserUrl: string, name: string, parent: string): Promise<void> {
  const sql = postgres(superuserUrl, { max: 1, onnotice: () => {} });
  try {
    await sql`create database ${sql(name)} template ${sql(parent)}`;
  } finally {
    await sql.end();
  }
}

export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer().once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => {
        if (address && typeof address === 'object') resolve(address.port);
        else reject(new Error('The system gave no port.'));
      });
    });
  });
}
