import { AsyncLocalStorage } from 'node:async_hooks';
import { randomUUID } from 'node:crypto';
import { App } from '@supabase/lite';
import { PostgresConnection } from '@supabase/lite/postgres';
import type { Config } from './config.ts';
import { jsonTypes } from './json-types.ts';
import type { Keys } from './keys.ts';
import { quietly } from './library-console.ts';
import type { Log } from './log.ts';
import type { Mail } from './mail-box.ts';
import { createMailer } from './mailer.ts';

export interface Auth {
  handle(request: Request): Promise<Response>;
  stop(): Promise<void>;
}

interface Options {
  config: Config;
  keys: Keys;
  /** The login of `supabase_auth_admin`, which owns the auth schema and nothing else. */
  url: string;
  apiUrl: string;
  siteUrl: string;
  root: string;
  send: (mail: Mail) => void;
  log: Log;
}

/** Where the person who asked for a mail wants to land after following its link. */
const redirects = new AsyncLocalStorage<string | undefined>();

export async function startAuth(options: Options): Promise<Auth> {
  const { config, keys, url, apiUrl, siteUrl, log } = options;
  const connection = new PostgresConnection({
    url,
    postgresOptions: { max: 10, onnotice: () => {}, types: jsonTypes },
  });
  const { email } = config.auth;
  const app = new App({
    connection,
    api: { enabled: false, external_url: apiUrl },
    auth: {
      enabled: true,
      jwt_secret: keys.jwtSecret,
      publishable_key: keys.publishable,
      secret_key: keys.secret,
      site_url: siteUrl,
      additional_redirect_urls: [...config.auth.additional_redirect_urls, `${siteUrl}/**`],
      jwt_expiry: config.auth.jwt_expiry,
      enable_signup: config.auth.enable_signup,
      enable_refresh_token_rotation: config.auth.enable_refresh_token_rotation,
      refresh_token_reuse_interval: config.auth.refresh_token_reuse_interval,
      minimum_password_length: config.auth.minimum_password_length,
      password_requirements: config.auth.password_requirements,
      email: {
        enable_signup: true,
        enable_confirmations: email.enable_confirmations,
        double_confirm_changes: email.double_confirm_changes,
        otp_length: email.otp_length,
        otp_expiry: email.otp_expiry,
      },
      external: configuredProviders(config),
    },
    storage: { enabled: false },
    studio: { enabled: false },
    options: { server: { disableStudio: true, admin: false } },
  });
  await app.init();
  app._mailer = createMailer({
    apiUrl,
    siteUrl,
    root: options.root,
    templates: email.template ?? {},
    send: options.send,
    redirectTo: () => redirects.getStore(),
  });

  const ask = (request: Request) => quietly(log, () => app.fetch(request));

  return {
    async handle(request) {
      const { pathname, searchParams } = new URL(request.url);
      return redirects.run(searchParams.get('redirect_to') ?? undefined, async () => {
        const route = `${request.method} ${pathname}`;
        if (route === 'POST /auth/v1/verify') return ask(await namedAsPlatform(request));
        if (route === 'POST /auth/v1/signup') return signUp(request, ask);
        return sayWhatFailed(await ask(request));
      });
    },
    stop: () => connection.close(),
  };
}

/** A provider is on when both of its variables are set. */
function configuredProviders(config: Config) {
  const providers = Object.entries(config.auth.external ?? {})
    .filter(([, provider]) => provider.client_id && provider.secret)
    .map(([name, { client_id, secret }]) => [name, { enabled: true, client_id, secret }]);
  return Object.fromEntries(providers) as Record<string, object>;
}

/** The platform's `email` covers the codes of sign-up and sign-in; the library knows them apart. */
async function namedAsPlatform(request: Request): Promise<Request> {
  const text = await request.text();
  const body = parse(text);
  const renamed = body?.['type'] === 'email' ? { ...body, type: 'magiclink' } : undefined;
  return withBody(request, renamed ? JSON.stringify(renamed) : text);
}

/**
 * A taken address gets the answer of one that must be confirmed, so that sign-up never says who has
 * an account; its owner gets a sign-in link instead.
 */
async function signUp(
  request: Request,
  ask: (request: Request) => Promise<Response>,
): Promise<Response> {
  const text = await request.text();
  const response = sayWhatFailed(await ask(withBody(request, text)));
  if (response.headers.get('x-sb-error-code') !== 'user_already_exists') {
    return response;
  }
  const { email } = parse(text) as { email: string };
  const link = new URL(request.url);
  link.pathname = '/auth/v1/otp';
  await ask(
    new Request(link, {
      method: 'POST',
      headers: request.headers,
      body: JSON.stringify({ email, create_user: false }),
    }),
  );
  return Response.json(unconfirmed(email.toLowerCase()));
}

function unconfirmed(email: string): object {
  const now = new Date().toISOString();
  return {
    id: randomUUID(),
    aud: 'authenticated',
    role: '',
    email,
    phone: '',
    confirmation_sent_at: now,
    app_metadata: { provider: 'email', providers: ['email'] },
    user_metadata: {},
    identities: [],
    created_at: now,
    updated_at: now,
    is_anonymous: false,
  };
}

/** A trigger that refuses a new user surfaces as the platform's code, not as a bare 500. */
function sayWhatFailed(response: Response): Response {
  if (response.status !== 500) return response;
  return Response.json(
    { code: 500, error_code: 'unexpected_failure', msg: 'Database error saving the user' },
    { status: 500, headers: { 'x-sb-error-code': 'unexpected_failure' } },
  );
}

function withBody(request: Request, body: string): Request {
  const headers = new Headers(request.headers);
  headers.delete('content-length');
  return new Request(request.url, { method: request.method, headers, body });
}

function parse(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return value && typeof value === 'object' ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}
