import { App, setExperimental } from '@supabase/lite';
import type { Config } from './config.ts';
import { openFileStore } from './file-store.ts';
import type { Keys } from './keys.ts';
import { quietly } from './library-console.ts';
import type { Log } from './log.ts';
import { RoleConnection } from './role-connection.ts';
import { answerLinks } from './storage-links.ts';

export interface Storage {
  handle(request: Request): Promise<Response>;
  stop(): Promise<void>;
}

interface Options {
  config: Config;
  keys: Keys;
  /** The login of `supabase_storage_admin`, which owns the storage schema. */
  url: string;
  catalogUrl: string;
  folder: string;
  log: Log;
}

export async function startStorage(options: Options): Promise<Storage> {
  const { config, keys, log } = options;
  setExperimental('storage', true);
  const connection = new RoleConnection({
    url: options.url,
    catalogUrl: options.catalogUrl,
    searchPath: '"storage", "public", "extensions"',
    maxConnections: 5,
  });
  const app = new App({
    connection,
    api: { enabled: false },
    auth: {
      enabled: false,
      jwt_secret: keys.jwtSecret,
      publishable_key: keys.publishable,
      secret_key: keys.secret,
    },
    storage: { enabled: true, file_size_limit: config.storage.file_size_limit },
    studio: { enabled: false },
    options: { server: { disableStudio: true, admin: false } },
  });
  app._storageAdapter = openFileStore(options.folder);
  await quietly(log, () => app.init());
  const ask = async (request: Request) => app.fetch(await unwrapFile(request));
  return {
    handle: (request) =>
      quietly(log, async () => (await answerLinks(request, ask)) ?? ask(request)),
    stop: () => connection.close(),
  };
}

/** The platform takes a file in a form or by itself; the library gets only the second right. */
async function unwrapFile(request: Request): Promise<Request> {
  const headers = new Headers(request.headers);
  if (!headers.get('content-type')?.startsWith('multipart/form-data')) return request;
  // Held in memory, which is why servers are advised against it; this one serves one developer.
  // eslint-disable-next-line @typescript-eslint/no-deprecated
  const form = await request.formData();
  const file = form.get('') ?? form.get('file');
  if (!(file instanceof File)) return new Request(request.url, { method: request.method, headers });
  const [seconds, metadata] = [form.get('cacheControl'), form.get('metadata')];
  headers.set('content-type', file.type || 'application/octet-stream');
  headers.set('content-length', String(file.size));
  if (typeof seconds === 'string') headers.set('cache-control', `max-age=${seconds}`);
  if (typeof metadata === 'string') {
    headers.set('x-metadata', Buffer.from(metadata).toString('base64'));
  }
  return new Request(request.url, { method: request.method, headers, body: file });
}
