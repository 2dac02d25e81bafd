import { App } from '@supabase/lite';
import type { Config } from './config.ts';
import { verifyJwt } from './jwt.ts';
import type { Keys } from './keys.ts';
import { quietly } from './library-console.ts';
import type { Log } from './log.ts';
import { currentRequest, RoleConnection } from './role-connection.ts';

export interface DataApi {
  handle(request: Request): Promise<Response>;
  /** After the schema changed; asked for with `notify pgrst, 'reload schema'` as on the platform. */
  reload(): void;
  stop(): Promise<void>;
}

interface Options {
  config: Config;
  keys: Keys;
  /** The login of `authenticator`, which may only become one of the API roles. */
  url: string;
  catalogUrl: string;
  log: Log;
}

export async function startDataApi({
  config,
  keys,
  url,
  catalogUrl,
  log,
}: Options): Promise<DataApi> {
  const { schemas, extra_search_path: extra, max_rows } = config.api;
  const [defaultSchema = 'public'] = schemas;
  const connection = new RoleConnection({
    url,
    catalogUrl,
    searchPath: [...schemas, ...extra].map((name) => `"${name}"`).join(', '),
    maxConnections: 30,
  });
  const app = new App({
    connection,
    api: { enabled: true, schemas, max_rows, aggregates_enabled: true },
    auth: {
      enabled: false,
      jwt_secret: keys.jwtSecret,
      publishable_key: keys.publishable,
      secret_key: keys.secret,
    },
    storage: { enabled: false },
    studio: { enabled: false },
    options: {
      server: {
        disableStudio: true,
        admin: false,
        middlewares: [
          // Names a user, so that the library does not look one up in auth.users on every call: as
          // on the platform the signature is what counts, and it is checked below.
          async (context, next) => {
            context.set('userId', 'checked');
            context.set('sessionId', 'checked');
            await next();
          },
        ],
      },
    },
  });
  await app.init();
  await connection.introspect();

  return {
    async handle(request) {
      const refused = refuseToken(request, keys.jwtSecret);
      if (refused) return refused;
      const headers = new Headers(request.headers);
      nameSchema(headers, request.method, defaultSchema);
      const facts = {
        method: request.method,
        path: new URL(request.url).pathname.replace('/rest/v1', ''),
        headers: JSON.stringify(Object.fromEntries(headers)),
      };
      const call = () => app.fetch(new Request(request, { headers }));
      return currentRequest.run(facts, () => quietly(log, call));
    },
    reload: () => connection.forgetCatalog(),
    stop: () => connection.close(),
  };
}

/** The library lets a malformed or unsigned token pass as an anonymous caller; the platform refuses it. */
function refuseToken(request: Request, secret: string): Response | undefined {
  if (request.method === 'OPTIONS') return undefined;
  const authorization = request.headers.get('authorization');
  const token = /^Bearer\s+(.*)$/i.exec(authorization ?? '')?.[1];
  if (token === undefined || token.startsWith('sb_')) return undefined;
  const result = verifyJwt(token, secret);
  if ('claims' in result) return undefined;
  return Response.json(
    { ...result.failure, details: null, hint: null },
    {
      status: 401,
      headers: {
        'www-authenticate': `Bearer error="invalid_token", error_description="${result.failure.message}"`,
        'access-control-allow-origin': '*',
      },
    },
  );
}

/** Without a profile header the first exposed schema is meant; the library would take `public`. */
function nameSchema(headers: Headers, method: string, defaultSchema: string): void {
  const writes = !['GET', 'HEAD'].includes(method);
  const asked = headers.get(writes ? 'content-profile' : 'accept-profile');
  // Both, because the library reads one to check the schema and the other to use it.
  headers.set('accept-profile', asked ?? defaultSchema);
  headers.set('content-profile', asked ?? defaultSchema);
}
