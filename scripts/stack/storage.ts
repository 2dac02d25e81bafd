import { App, setExperimental } from '@supabase/lite';
import type { Config } from './config.ts';
import { openFileStore } from './file-store.ts';
import type { Keys } from './keys.ts';
import { quietly } from './library-console.ts';
import type { Log } from './log.ts';
import { RoleConnection } from './role-connection.ts';

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
  return {
    handle: (request) =>
      quietly(log, async () => shortenLinks(request, await app.fetch(await nameFile(request)))),
    stop: () => connection.close(),
  };
}

/** The platform's client sends the file without a name; the library looks for one called `file`. */
async function nameFile(request: Request): Promise<Request> {
  const type = request.headers.get('content-type') ?? '';
  if (!type.startsWith('multipart/form-data')) return request;
  const form = await request.formData();
  const file = form.get('');
  if (file !== null) form.set('file', file);
  const headers = new Headers(request.headers);
  headers.delete('content-type');
  headers.delete('content-length');
  return new Request(request.url, { method: request.method, headers, body: form });
}

/** The platform's client puts `/storage/v1` before a signed link itself. */
async function shortenLinks(request: Request, response: Response): Promise<Response> {
  const { pathname } = new URL(request.url);
  const signs = /^\/storage\/v1\/object\/(upload\/)?sign\//.test(pathname);
  if (!signs || request.method !== 'POST' || !response.ok) return response;
  const text = (await response.text()).replaceAll('"/storage/v1/object/', '"/object/');
  return new Response(text, {
    status: response.status,
    headers: { 'content-type': 'application/json' },
  });
}
