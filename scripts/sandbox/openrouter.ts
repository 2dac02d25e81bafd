/**
 * A stand-in for OpenRouter that runs on this machine: the same wire format, prices and errors, and
 * a friendly model that needs no key. `node scripts/sandbox/openrouter.ts --port 55200` runs it
 * alone; clients use `<url>/api/v1` as their base URL. `GET /sandbox` lists what it can be asked.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { parseArgs } from 'node:util';
import { createAccounting } from './openrouter/accounting.ts';
import { type Behaviour, STATUS_FAULTS, WIRE_FAULTS, WISHES } from './openrouter/behaviour.ts';
import { describeEndpoints, findModel, listModels } from './openrouter/catalogue.ts';
import { answerChat, refuse } from './openrouter/chat.ts';
import { answerEmbeddings } from './openrouter/embeddings.ts';
import { createGenerations } from './openrouter/generations.ts';
import { readJson, requireKey, sendJson, sendRefusal } from './openrouter/http.ts';
import { nanoToUsd } from './openrouter/money.ts';
import { Refusal } from './openrouter/refusal.ts';
import type { Sandbox } from './openrouter/sandbox.ts';
import { SANDBOX_MODELS } from './openrouter/sandbox-models.ts';

export interface OpenRouterOptions {
  /** 0 takes a free one. */
  port: number;
  log?: (line: string) => void;
  /** How ordinary models behave; the default is a pleasant reading speed. */
  behaviour?: Partial<Behaviour>;
}

const ORDINARY: Behaviour = {
  fault: null,
  afterFrames: 5,
  failFirst: null,
  delayMs: 120,
  frameMs: 12,
  tokensPerFrame: 3,
  length: null,
  answer: null,
  retryAfter: null,
  cachedTokens: null,
  generationMisses: 1,
};
const CREDITS = 1000;
const MOST_KEPT_BODY = 32_768;

export async function startOpenRouter({
  port,
  log = () => {},
  behaviour = {},
}: OpenRouterOptions): Promise<{ url: string; stop(): Promise<void> }> {
  const sandbox: Sandbox = {
    accounting: createAccounting(),
    generations: createGenerations(),
    defaults: { ...ORDINARY, ...behaviour },
  };
  const server = createServer((request, response) => {
    const startedAt = performance.now();
    response.once('close', () => {
      const took = Math.round(performance.now() - startedAt);
      log(`${request.method} ${request.url} ${response.statusCode} ${took} ms`);
    });
    void handle(sandbox, request, response);
  });

  // Longer than clients keep idle connections, or they would meet closed ones at random.
  server.keepAliveTimeout = 75_000;
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', resolve);
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function handle(
  sandbox: Sandbox,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const url = new URL(request.url ?? '/', 'http://sandbox');
  try {
    const path = url.pathname.replace(/^\/api\/v1(?=\/)/, '');
    if (path === url.pathname) answerSandbox(sandbox, request.method, url, response);
    else if (request.method === 'POST') await answerPost(sandbox, path, request, response);
    else if (request.method === 'GET') answerGet(sandbox, path, url, request, response);
    else throw new Refusal(405, 'Method Not Allowed');
  } catch (error) {
    if (error instanceof Refusal) sendRefusal(response, error);
    else if (response.headersSent) response.destroy(error as Error);
    else sendRefusal(response, new Refusal(500, `Sandbox failure: ${String(error)}`));
  }
}

async function answerPost(
  sandbox: Sandbox,
  path: string,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  if (path !== '/chat/completions' && path !== '/embeddings') throw new Refusal(404, 'Not Found');
  const answer = path === '/embeddings' ? answerEmbeddings : answerChat;
  const key = requireKey(request);
  const run = sandbox.accounting.open(path, key);
  try {
    const body = await readJson(request);
    const isSmall = Number(request.headers['content-length'] ?? Infinity) <= MOST_KEPT_BODY;
    if (isSmall) run.body = body;
    await answer(sandbox, run, body, request, response);
  } catch (error) {
    if (error instanceof Refusal) {
      refuse(sandbox, run, error, response);
      return;
    }
    // The caller went away while sending, or the sandbox itself is at fault.
    sandbox.accounting.close(run, 'broken', 0n);
    throw error;
  }
}

function answerGet(
  sandbox: Sandbox,
  path: string,
  url: URL,
  request: IncomingMessage,
  response: ServerResponse,
): void {
  const { accounting, generations } = sandbox;
  const endpoints = /^\/models\/(.+)\/endpoints$/.exec(path)?.[1];
  if (path === '/models') return sendJson(response, 200, { data: listModels(url.searchParams) });
  if (path === '/embeddings/models') {
    const query = new URLSearchParams({ output_modalities: 'embeddings' });
    return sendJson(response, 200, { data: listModels(query) });
  }
  if (endpoints !== undefined) {
    const model = findModel(decodeURIComponent(endpoints));
    if (!model) throw new Refusal(404, 'Model not found');
    return sendJson(response, 200, { data: describeEndpoints(model) });
  }

  const key = requireKey(request);
  switch (path) {
    case '/models/user':
      return sendJson(response, 200, { data: listModels(url.searchParams) });
    case '/generation': {
      const id = url.searchParams.get('id');
      if (!id) throw new Refusal(400, 'Invalid input at id: expected string');
      const record = generations.find(id);
      if (!record) throw new Refusal(404, `Generation ${id} not found`);
      return sendJson(response, 200, { data: record });
    }
    case '/key':
    case '/auth/key':
      return sendJson(response, 200, { data: describeKey(key, accounting.charged(key)) });
    case '/credits': {
      const total_usage = nanoToUsd(accounting.charged());
      return sendJson(response, 200, { data: { total_credits: CREDITS, total_usage } });
    }
    default:
      throw new Refusal(404, 'Not Found');
  }
}

/** What tests ask the sandbox about itself. */
function answerSandbox(
  { accounting, generations }: Sandbox,
  method: string | undefined,
  url: URL,
  response: ServerResponse,
): void {
  switch (`${method} ${url.pathname}`) {
    case 'GET /sandbox':
      return sendJson(response, 200, {
        models: SANDBOX_MODELS.map(({ id, description }) => ({ id, description })),
        request_field: { sandbox: WISHES },
        status_faults: STATUS_FAULTS,
        wire_faults: WIRE_FAULTS,
      });
    case 'GET /sandbox/stats':
      return sendJson(response, 200, accounting.stats());
    case 'GET /sandbox/requests':
      return sendJson(response, 200, { data: accounting.requests(url.searchParams) });
    case 'POST /sandbox/reset':
      accounting.reset();
      generations.clear();
      return sendJson(response, 200, { ok: true });
    default:
      throw new Refusal(404, 'Not Found');
  }
}

function describeKey(key: string, charged: bigint): object {
  const usage = nanoToUsd(charged);
  return {
    label: key.length > 16 ? `${key.slice(0, 12)}...${key.slice(-3)}` : 'sandbox',
    limit: null,
    limit_remaining: null,
    limit_reset: null,
    usage,
    usage_daily: usage,
    usage_weekly: usage,
    usage_monthly: usage,
    byok_usage: 0,
    byok_usage_daily: 0,
    byok_usage_weekly: 0,
    byok_usage_monthly: 0,
    include_byok_in_limit: false,
    is_free_tier: false,
    is_management_key: false,
    is_provisioning_key: false,
    rate_limit: { requests: -1, interval: '10s', note: 'This field is deprecated.' },
  };
}

if (import.meta.main) {
  const { values } = parseArgs({ options: { port: { type: 'string', default: '55200' } } });
  try {
    const { url, stop } = await startOpenRouter({ port: Number(values.port), log: console.log });
    console.log(`Sandbox OpenRouter: ${url}/api/v1, and what it can be asked: ${url}/sandbox`);
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void stop());
  } catch (error) {
    console.error(`The sandbox OpenRouter cannot use port ${values.port}: ${String(error)}`);
    process.exitCode = 1;
  }
}
