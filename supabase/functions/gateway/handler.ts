import { corsHeaders, preflight } from '../_shared/cors.ts';
import { failure } from '../_shared/errors.ts';
import { logRequest } from '../_shared/log.ts';
import { requestIdOf } from '../_shared/request-id.ts';
import { answerCall, type Context, type GatewayDeps } from './answer-call.ts';
import { readKeyHash } from './api-key.ts';
import { describeError, type ErrorShape, knownError } from './api-error.ts';
import { chatDialect } from './chat-dialect.ts';
import type { Dialect } from './dialect.ts';
import { answerEmbeddings } from './embeddings.ts';
import { describeGeneration } from './generation.ts';
import { describeCredits, describeKey } from './key-info.ts';
import { messagesDialect } from './messages-dialect.ts';
import { findModel, listModels } from './models.ts';
import { openApi } from './openapi.ts';
import { responsesDialect } from './responses-dialect.ts';

type Answer = (context: Context, rest: string) => Response | Promise<Response>;

interface Route {
  method: 'GET' | 'POST';
  answer: Answer;
  errors?: ErrorShape;
  /** The only address that tells nobody anything of anybody. */
  isOpen?: boolean;
}

const speaking = (dialect: Dialect): Route => ({
  method: 'POST',
  answer: (context) => answerCall(context, dialect),
  errors: dialect.errors,
});
const reading = (answer: Answer): Route => ({ method: 'GET', answer });

const routes: Record<string, Route> = {
  '/chat/completions': speaking(chatDialect),
  '/responses': speaking(responsesDialect),
  '/messages': speaking(messagesDialect),
  '/embeddings': { method: 'POST', answer: (context) => answerEmbeddings(context) },
  '/models': reading(listModels),
  '/models/': reading((context, id) => findModel(context, id)),
  '/key': reading(describeKey),
  '/credits': reading(describeCredits),
  '/generation': reading(describeGeneration),
  '/openapi.json': { ...reading(() => Response.json(openApi)), isOpen: true },
};

const prefix = '/gateway/v1';

/** OpenAI's API, and Anthropic's messages, over every model of the account. */
export async function handleGateway(request: Request, deps: GatewayDeps): Promise<Response> {
  const answer = preflight(request);
  if (answer) return answer;
  const requestId = requestIdOf(request);
  const log = logRequest('gateway', requestId);
  const { pathname } = new URL(request.url);
  let errors: ErrorShape = pathname.includes('/messages') ? 'anthropic' : 'openai';
  const share = deps.room.enter();
  let response: Response;
  let work: Promise<unknown> = Promise.resolve();
  const limits: Record<string, string> = {};
  const logAfter = (more: Promise<unknown>) => void (work = more);
  try {
    const { route, rest } = findRoute(request.method, pathname);
    errors = route.errors ?? errors;
    const keyHash = route.isOpen ? '' : await readKeyHash(request);
    response = await route.answer(
      { request, deps, share, keyHash, requestId, log, limits, logAfter },
      rest,
    );
    if (!response.headers.has('x-request-id')) {
      const headers = { ...corsHeaders, 'x-request-id': requestId };
      for (const [name, value] of Object.entries(headers)) response.headers.set(name, value);
    }
  } catch (error) {
    const known = knownError(error);
    log.note({ error: error instanceof Error ? error.message : String(error) });
    const { status, headers, body } = describeError(known, errors, requestId);
    response = Response.json(body, {
      status,
      headers: { ...corsHeaders, ...headers, 'x-request-id': requestId },
    });
  }
  for (const [name, value] of Object.entries(limits)) response.headers.set(name, value);
  // The name that Anthropic's SDKs look for.
  if (errors === 'anthropic') response.headers.set('request-id', requestId);
  const { status } = response;
  void work.finally(() => {
    log.end(status);
    share.leave();
  });
  return response;
}

/** The id of a model has slashes of its own, so it is the whole rest of the address. */
function findRoute(method: string, pathname: string): { route: Route; rest: string } {
  const path = pathname.startsWith(prefix) ? pathname.slice(prefix.length) : '';
  const isModel = path.startsWith('/models/') && path.length > '/models/'.length;
  const name = isModel ? '/models/' : path;
  const route = Object.hasOwn(routes, name) ? routes[name] : undefined;
  if (!route) {
    throw failure('not_found', 'There is nothing at this address.', 'See /v1/openapi.json.');
  }
  // To ask for the head alone is to read, too.
  if (route.method !== (method === 'HEAD' ? 'GET' : method)) throw failure('method_not_allowed');
  return { route, rest: isModel ? decode(path.slice('/models/'.length)) : '' };
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
