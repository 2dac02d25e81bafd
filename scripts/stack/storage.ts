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
    handle: (request) => quietly(log, () => app.fetch(request)),
    stop: () => connection.close(),
  };
}
