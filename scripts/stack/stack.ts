// The local backend: every part started in order, one after what it needs, and stopped in reverse.
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseEnv } from 'node:util';
import { applyMigrations } from '../db/migrate.ts';
import { announce } from './announce.ts';
import { startAuth } from './auth.ts';
import { readConfig } from './config.ts';
import { startDataApi } from './data-api.ts';
import { claimDataDir } from './data-dir.ts';
import { superviseDatabase } from './database.ts';
import { createFunctionProxy } from './function-proxy.ts';
import { startFunctions } from './functions.ts';
import { createJobCaller } from './job-caller.ts';
import { loadKeys } from './keys.ts';
import { openLog } from './log.ts';
import { openMailBox } from './mail-box.ts';
import { startMailPage } from './mail-page.ts';
import { startOrigin } from './origin.ts';
import { findFreePort, type Ports, portsFrom, requireFree } from './ports.ts';
import { startStorage } from './storage.ts';
import { startTicker } from './ticker.ts';
import { startUpstreams, wantsOpenRouterSandbox, wantsRazorpaySandbox } from './upstreams.ts';

export interface StackOptions {
  /** Kept from start to start; without one, a temporary folder that goes with the stack. */
  dataDir?: string;
  /** The origin's port; the other parts count on from it. Without one, free ports. */
  port?: number;
  fresh?: boolean;
  /** Where the functions are, if not in supabase/functions. */
  functionsDir?: string;
  /** Take changed function files at once. */
  watchFiles?: boolean;
  /** Also say in this folder that the stack is ready, unless another live stack has said so. */
  announceIn?: string;
  /** Told what a developer should see at once; everything else is in the logs. */
  alert?: (message: string) => void;
}

export interface Stack extends AsyncDisposable {
  url: string;
  siteUrl: string;
  mailUrl: string;
  databaseUrl: string;
  publishableKey: string;
  secretKey: string;
  dataDir: string;
  ports: Ports;
  /** What `.stack/env` holds. */
  env: Record<string, string>;
  /** Where pages load Razorpay's checkout from: the sandbox, or Razorpay. */
  checkoutUrl: string;
  /** Sandbox models answer: no real account is charged, and none is needed. */
  isDemo: boolean;
  /** The sign-in providers that are configured, such as `google`. */
  providers: string[];
  /** The names of the functions it serves. */
  functions: string[];
  stop(): Promise<void>;
}

const root = join(import.meta.dirname, '../..');

export async function startStack(options: StackOptions = {}): Promise<Stack> {
  const { alert = () => {} } = options;
  const env = { ...readDotEnv(), ...process.env };
  const config = readConfig(root, env);
  const ports = portsFrom(options.port ?? (await findFreePort()));
  const apiUrl = `http://127.0.0.1:${ports.origin}`;
  const siteUrl = `http://127.0.0.1:${ports.site}`;
  const mailUrl = `http://127.0.0.1:${ports.mail}`;

  await using parts = new AsyncDisposableStack();
  const dataDir = options.dataDir ?? mkdtempSync(join(tmpdir(), 'oneai-stack-'));
  if (!options.dataDir) parts.defer(() => rmSync(dataDir, { recursive: true, force: true }));
  const claim = await claimDataDir(dataDir, options.fresh ?? false);
  parts.defer(() => claim.release());
  const sandboxPorts = [
    ...(wantsOpenRouterSandbox(env) ? [ports.openrouter] : []),
    ...(wantsRazorpaySandbox(env) ? [ports.razorpay] : []),
  ];
  await requireFree([ports.origin, ports.mail, ...sandboxPorts]);

  const log = openLog(join(dataDir, 'logs'));
  parts.defer(() => log.close());
  const warn = (message: string) => {
    log.error('alert', { message });
    alert(message);
  };
  const keys = await loadKeys(dataDir);

  const postgresLog = log.part('postgres');
  const database = await superviseDatabase({
    dataDir: join(dataDir, 'postgres'),
    port: ports.postgres,
    log: (line) => postgresLog.info('said', { line }),
    alert: warn,
  });
  parts.defer(() => database.stop());
  const databaseUrl = database.url('supabase_admin');
  await applyMigrations(databaseUrl, { log: (line) => log.info('database', { line }) });

  const mails = openMailBox(join(dataDir, 'mail.json'));
  const shared = { config, keys, catalogUrl: databaseUrl };
  const auth = await startAuth({
    ...shared,
    url: database.url('supabase_auth_admin'),
    apiUrl,
    siteUrl,
    root,
    send: (mail) => mails.add(mail),
    log: log.part('auth'),
  });
  parts.defer(() => auth.stop());
  const dataApi = await startDataApi({
    ...shared,
    url: database.url('authenticator'),
    log: log.part('data-api'),
  });
  parts.defer(() => dataApi.stop());
  const storage = await startStorage({
    ...shared,
    url: database.url('supabase_storage_admin'),
    folder: join(dataDir, 'storage'),
    log: log.part('storage'),
  });
  parts.defer(() => storage.stop());
  const mailPage = await startMailPage({ port: ports.mail, mails });
  parts.defer(() => mailPage.stop());

  const upstreamLog = log.part('upstreams');
  const upstreams = await startUpstreams({
    env,
    ports,
    dataDir,
    log: (line) => upstreamLog.info('said', { line }),
  });
  parts.defer(() => upstreams.stop());

  const functions = await startFunctions({
    root,
    folder: options.functionsDir ?? join(root, 'supabase/functions'),
    firstPort: ports.functions,
    env: {
      ...readDotEnv(),
      ...upstreams.env,
      SUPABASE_URL: apiUrl,
      SUPABASE_ANON_KEY: keys.publishable,
      SUPABASE_SERVICE_ROLE_KEY: keys.secret,
      SUPABASE_PUBLISHABLE_KEYS: JSON.stringify({ default: keys.publishable }),
      SUPABASE_SECRET_KEYS: JSON.stringify({ default: keys.secret }),
      SUPABASE_DB_URL: database.url('postgres'),
      SB_REGION: 'local',
      SITE_URL: siteUrl,
      MAIL_URL: env['MAIL_URL'] ?? `${mailUrl}/emails`,
      DENO_DIR: join(root, 'node_modules/.cache/deno'),
    },
    watchFiles: options.watchFiles ?? false,
    log: log.part('functions'),
    alert: warn,
    changed: (pids) => claim.recordChildren(pids),
  });
  parts.defer(() => functions.stop());

  const origin = await startOrigin({
    port: ports.origin,
    apiUrl,
    rest: dataApi.handle,
    plainRest: dataApi.handlePlain,
    auth: auth.handle,
    storage: storage.handle,
    functions: createFunctionProxy({
      functions,
      jwtSecret: keys.jwtSecret,
      verifiesJwt: (name) => config.functions?.[name]?.verify_jwt ?? true,
    }),
    log: log.part('origin'),
  });
  parts.defer(() => origin.stop());

  const ticker = await startTicker({
    url: database.url('postgres'),
    callJob: createJobCaller(apiUrl, keys.secret),
    reloadSchema: () => dataApi.reload(),
    log: log.part('ticker'),
  });
  parts.defer(() => ticker.stop());

  const stackEnv: Record<string, string> = {
    SUPABASE_URL: apiUrl,
    SUPABASE_PUBLISHABLE_KEY: keys.publishable,
    SUPABASE_SECRET_KEY: keys.secret,
    DATABASE_URL: databaseUrl,
    SITE_URL: siteUrl,
    ...upstreams.env,
  };
  // Somebody's real key stays where they put it.
  delete stackEnv['OPENROUTER_API_KEY'];
  const folders = new Set([dataDir, options.announceIn ?? dataDir]);
  const takeBack = announce([...folders], stackEnv);
  parts.defer(takeBack);

  const running = parts.move();
  let stopping: Promise<void> | undefined;
  const stop = () => (stopping ??= running.disposeAsync());
  return {
    url: apiUrl,
    siteUrl,
    mailUrl,
    databaseUrl,
    publishableKey: keys.publishable,
    secretKey: keys.secret,
    dataDir,
    ports,
    env: stackEnv,
    checkoutUrl: wantsRazorpaySandbox(env)
      ? (upstreams.env['RAZORPAY_BASE_URL'] ?? '')
      : 'https://checkout.razorpay.com',
    isDemo: wantsOpenRouterSandbox(env),
    providers: auth.providers,
    functions: functions.names(),
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

function readDotEnv(): Record<string, string> {
  const file = join(root, '.env');
  return existsSync(file) ? (parseEnv(readFileSync(file, 'utf8')) as Record<string, string>) : {};
}
