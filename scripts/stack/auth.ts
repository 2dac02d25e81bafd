import { AsyncLocalStorage } from 'node:async_hooks';
import { randomUUID } from 'node:crypto';
import { App } from '@supabase/lite';
import { PostgresConnection } from '@supabase/lite/postgres';
import type { Sql } from 'postgres';
import type { Config } from './config.ts';
import { jsonTypes } from './json-types.ts';
import type { Keys } from './keys.ts';
import { quietly } from './library-console.ts';
import type { Log } from './log.ts';
import type { Mail } from './mail-box.ts';
import { type Challenge, createMailLinks } from './mail-links.ts';
import { type Asked, createMailer } from './mailer.ts';

export interface Auth {
  /** The sign-in providers that are configured. */
  providers: string[];
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

const asking = new AsyncLocalStorage<Asked>();

/** The library has made text of its objects already; made twice, they would be JSON strings. */
const writtenJsonb = {
  ...jsonTypes['jsonb']!,
  serialize: (value: unknown) => (typeof value === 'string' ? value : JSON.stringify(value)),
};

/** What the library says of an address that somebody has, without and with confirmations. */
const takenCodes = ['user_already_exists', 'over_email_send_rate_limit'];

export async function startAuth(options: Options): Promise<Auth> {
  const { config, keys, url, apiUrl, siteUrl, log } = options;
  const connection = new PostgresConnection({
    url,
    postgresOptions: { max: 10, onnotice: () => {}, types: { ...jsonTypes, jsonb: writtenJsonb } },
  });
  const { email } = config.auth;
  const external = configuredProviders(config);
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
      external,
    },
    storage: { enabled: false },
    studio: { enabled: false },
    options: { server: { disableStudio: true, admin: false } },
  });
  await app.init();
  const links = createMailLinks(connection.driver as Sql);
  app._mailer = createMailer({
    apiUrl,
    siteUrl,
    root: options.root,
    templates: email.template ?? {},
    send: options.send,
    asked: () => asking.getStore(),
    links,
  });

  const ask = async (request: Request) => {
    let failure: DatabaseFailure | undefined;
    const notice = (error: Error) => (failure = error);
    return sayWhatFailed(await quietly(log, () => app.fetch(request), notice), failure);
  };

  return {
    providers: Object.keys(external),
    async handle(request) {
      const url = new URL(request.url);
      const route = `${request.method} ${url.pathname}`;
      if (route === 'GET /auth/v1/verify') {
        return links.follow(url, (followed) => ask(new Request(followed, request)));
      }
      const text = request.body ? await request.text() : '';
      const body = parse(text);
      const asked = {
        redirectTo: url.searchParams.get('redirect_to') ?? undefined,
        challenge: challengeIn(body),
      };
      return asking.run(asked, async () => {
        const renamed = route === 'POST /auth/v1/verify' ? namedForLibrary(body) : undefined;
        const passed = withBody(request, renamed ? JSON.stringify(renamed) : text);
        const response = await ask(passed);
        const refusal = response.headers.get('x-sb-error-code') ?? '';
        const taken = route === 'POST /auth/v1/signup' && takenCodes.includes(refusal);
        return taken && body ? answerTaken(request, body, ask) : response;
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

function challengeIn(body: Body | undefined): Challenge | undefined {
  const { code_challenge: value, code_challenge_method: method } = body ?? {};
  if (typeof value !== 'string' || value === '') return undefined;
  return { value, method: method === 'plain' ? 'plain' : 's256' };
}

/** The platform's `email` covers the codes of sign-up and sign-in; the library knows them apart. */
function namedForLibrary(body: Body | undefined): Body | undefined {
  return body?.['type'] === 'email' ? { ...body, type: 'magiclink' } : undefined;
}

/**
 * A taken address gets the answer of one that must be confirmed, so that sign-up never says who has
 * an account; its owner gets a sign-in link instead.
 */
async function answerTaken(
  request: Request,
  body: Body,
  ask: (request: Request) => Promise<Response>,
): Promise<Response> {
  const email = String(body['email']);
  const link = new Request(new URL('/auth/v1/otp', request.url), {
    method: 'POST',
    headers: request.headers,
  });
  await ask(withBody(link, JSON.stringify({ email, create_user: false })));
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

interface DatabaseFailure extends Error {
  code?: string;
  detail?: string;
  hint?: string;
}

/**
 * A trigger of ours that refuses a new user surfaces as the platform shows it: with the status of
 * its code and its own words. Any other failure of the database is a plain 500.
 */
function sayWhatFailed(response: Response, failure?: DatabaseFailure): Response {
  if (response.status !== 500) return response;
  const status = /^PT([45]\d\d)$/.exec(failure?.code ?? '')?.[1];
  if (status) {
    const { code, message, hint, detail } = failure!;
    // From this version of the platform's API on, clients read the code from `code`.
    const headers = { 'x-supabase-api-version': '2024-01-01' };
    return Response.json({ code, message, hint, detail }, { status: Number(status), headers });
  }
  return Response.json(
    { code: 500, error_code: 'unexpected_failure', msg: 'Database error saving the user' },
    { status: 500, headers: { 'x-sb-error-code': 'unexpected_failure' } },
  );
}

function withBody({ url, method, headers: given }: Request, body: string): Request {
  const headers = new Headers(given);
  headers.delete('content-length');
  return new Request(url, { method, headers, ...(body === '' ? {} : { body }) });
}

type Body = Record<string, unknown>;

function parse(text: string): Body | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return value && typeof value === 'object' ? (value as Body) : undefined;
  } catch {
    return undefined;
  }
}
