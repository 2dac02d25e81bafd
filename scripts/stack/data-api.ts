import type { IncomingHttpHeaders } from 'node:http';
import { App } from '@supabase/lite';
import { identifyCaller } from './caller.ts';
import type { Config } from './config.ts';
import type { JwtFailure } from './jwt.ts';
import type { Keys } from './keys.ts';
import { quietly } from './library-console.ts';
import type { Log } from './log.ts';
import { currentRequest, RoleConnection } from './role-connection.ts';
import { openRpcCalls } from './rpc-calls.ts';
import type { PlainAnswer, PlainRequest } from './web-handler.ts';

export interface DataApi {
  handle(request: Request): Promise<Response>;
  /** Calls of database functions, most of what a busy stack is asked. */
  handlePlain(request: PlainRequest): Promise<PlainAnswer | undefined>;
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
  const searchPath = [...schemas, ...extra].map((name) => `"${name}"`).join(', ');
  const calls = openRpcCalls({ url, catalogUrl, schemas, searchPath });
  const connection = new RoleConnection({ url, catalogUrl, searchPath, maxConnections: 20 });
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
    async handlePlain({ method, url, headers, body }) {
      const name = /^\/rest\/v1\/rpc\/(\w+)$/.exec(url)?.[1];
      if (!name || method !== 'POST' || !isPlainCall(headers)) return undefined;
      const caller = identifyCaller({ get: (one) => [headers[one]].flat()[0] ?? null }, keys);
      const schema = headers['content-profile'] ?? defaultSchema;
      if (!caller || 'failure' in caller || !schemas.includes(String(schema))) return undefined;
      const facts = { method, path: `/rpc/${name}`, headers: JSON.stringify(headers) };
      return calls.call({
        schema: String(schema),
        name,
        body: body.toString(),
        accept: headers.accept ?? '',
        claims: caller.claims,
        facts,
      });
    },
    async handle(request) {
      const caller = identifyCaller(request.headers, keys);
      if (caller && 'failure' in caller) return refuse(caller.failure);
      const headers = new Headers(request.headers);
      nameSchema(headers, request.method, defaultSchema);
      const { pathname } = new URL(request.url);
      const facts = {
        method: request.method,
        path: pathname.replace('/rest/v1', ''),
        headers: JSON.stringify(Object.fromEntries(headers)),
      };
      const passed = new Request(request, { headers });
      return currentRequest.run(facts, () => quietly(log, () => app.fetch(passed)));
    },
    reload() {
      connection.forgetCatalog();
      calls.reload();
    },
    async stop() {
      await Promise.all([calls.stop(), connection.close()]);
    },
  };
}

/** Filters, columns and counts on the result of a call are the library's work. */
function isPlainCall(headers: IncomingHttpHeaders): boolean {
  return (
    /^application\/json\b/.test(headers['content-type'] ?? '') &&
    !/count=|params=|tx=/.test(String(headers['prefer'] ?? ''))
  );
}

/** The library lets a malformed or unsigned token pass as an anonymous caller; the platform refuses it. */
function refuse({ code, message }: JwtFailure): Response {
  const challenge = `Bearer error="invalid_token", error_description="${message}"`;
  return Response.json(
    { code, message, details: null, hint: null },
    { status: 401, headers: { 'www-authenticate': challenge } },
  );
}

/** Without a profile header the first exposed schema is meant; the library would take `public`. */
function nameSchema(headers: Headers, method: string, defaultSchema: string): void {
  const writes = !['GET', 'HEAD'].includes(method);
  const asked = headers.get(writes ? 'content-profile' : 'accept-profile') ?? defaultSchema;
  // Both, because the library reads one to check the schema and the other to use it.
  headers.set('accept-profile', asked);
  headers.set('content-profile', asked);
}
