import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import postgres from 'postgres';
import { type Postgres, startPostgres } from '../stack/postgres.ts';
import { loadSchemas } from './load-schemas.ts';
import { applyMigrations, preparePlatform, runBootstrap, supabaseFolder } from './migrate.ts';

/** What a database starts with: the platform only, or our schema on top, from either of its forms. */
export type Source = 'bootstrap' | 'migrations' | 'schemas';

export interface ScratchDatabase {
  name: string;
  url: (role: 'supabase_admin' | 'postgres' | 'authenticator') => string;
}

export interface Scratch extends AsyncDisposable {
  port: number;
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
  const stop = async () => {
    await server.stop();
    rmSync(folder, { recursive: true, force: true });
  };
  return { ...scratchOn(server, options.folder), stop, [Symbol.asyncDispose]: stop };
}

/** The databases of a scratch server that runs already, in this process or in another. */
export function scratchOn(
  { port, url }: Pick<Postgres, 'port' | 'url'>,
  folder = supabaseFolder,
): Pick<Scratch, 'port' | 'database'> {
  const handle = (name: string): ScratchDatabase => ({ name, url: (role) => url(role, name) });
  const templates = new Map<Source, Promise<ScratchDatabase>>();

  const template = (source: Source) => {
    const found = templates.get(source) ?? build(source);
    templates.set(source, found);
    return found;
  };
  const build = async (source: Source) => {
    const made = handle(`template_${source}`);
    await create(url('supabase_admin'), made.name, 'template0');
    await fill[source](made.url('supabase_admin'), folder);
    return made;
  };

  return {
    port,
    async database(name, from) {
      const parent = typeof from === 'string' ? await template(from) : from;
      await create(url('supabase_admin'), name, parent.name);
      // A clone inherits the tables, but not the settings and grants of the database itself.
      await runBootstrap(url('supabase_admin', name));
      return handle(name);
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
