import { corsHeaders, preflight } from '../_shared/cors.ts';
import { digest } from '../_shared/digest.ts';
import { errorResponse, failure } from '../_shared/errors.ts';
import { logRequest } from '../_shared/log.ts';
import { usualJsonLimits } from '../_shared/read-bytes.ts';
import { readJson } from '../_shared/read-json.ts';
import { requestIdOf } from '../_shared/request-id.ts';
import { limitHeaders, refusalResponse, windowsOf } from '../_shared/verdict.ts';
import { startAnswer, streamAnswer } from './answer.ts';
import { type ChatCall, chatCall, type ChatDeps } from './chat-call.ts';
import { event, runEvent } from './chat-events.ts';
import { isUuid, readRunRequest } from './run-request.ts';
import { type StoredAnswer, tailAnswer } from './tail-answer.ts';

const bodyLimits = { maxBytes: 8_000_000, maxMs: 30_000, ...usualJsonLimits };
/** The database counts frames with 32 bits. */
const lastNumber = 2_147_483_647;

/** `POST /runs` asks, `GET /runs/{id}?after=n` resumes, `POST /runs/{id}/stop` stops. */
export async function handleChat(request: Request, deps: ChatDeps): Promise<Response> {
  const answer = preflight(request);
  if (answer) return answer;
  const requestId = requestIdOf(request);
  const log = logRequest('chat', requestId);
  let work: Promise<unknown> = Promise.resolve();
  const logAfter = (more: Promise<unknown>) => void (work = more);
  const share = deps.room.enter();
  let response: Response;
  try {
    response = await route(request, deps, requestId, { share, note: log.note, logAfter });
  } catch (error) {
    log.note({ error: error instanceof Error ? error.message : String(error) });
    response = errorResponse(error, requestId);
  }
  const { status } = response;
  void work.finally(() => {
    log.end(status);
    share.leave();
  });
  return response;
}

async function route(
  request: Request,
  deps: ChatDeps,
  requestId: string,
  own: Pick<ChatCall, 'share' | 'note' | 'logAfter'>,
): Promise<Response> {
  const url = new URL(request.url);
  const [, id, action] = /\/chat\/runs(?:\/([^/]+)(?:\/([^/]+))?)?$/.exec(url.pathname) ?? [];
  if (!/\/chat\/runs(\/|$)/.test(url.pathname)) throw failure('not_found');
  const bearer = /^Bearer\s+(\S+)$/i.exec(request.headers.get('authorization') ?? '')?.[1];
  if (!bearer) throw failure('unauthorized');
  const call = chatCall(deps, requestId, bearer, own);

  if (id === undefined) {
    requireMethod(request, 'POST');
    return await ask(request, call);
  }
  if (!isUuid(id)) throw failure('not_found', 'There is no such run.');
  call.note({ run: id });
  if (action === undefined) {
    requireMethod(request, 'GET');
    const after = Number(url.searchParams.get('after') ?? 0);
    if (!Number.isInteger(after) || after < 0 || after > lastNumber) {
      throw failure('invalid_input', 'after is the number of the last frame you have.');
    }
    return await resume(id, after, event('run', { run_id: id, is_replay: true }), call);
  }
  if (action !== 'stop') throw failure('not_found');
  requireMethod(request, 'POST');
  const stopped = await call.asUser<boolean>('stop_run', { run_id: id });
  if (stopped) deps.running.get(id)?.();
  return Response.json({ stopped }, { headers: headers(requestId) });
}

async function ask(request: Request, call: ChatCall): Promise<Response> {
  const { requestId, share, asUser, note } = call;
  const requireCaller = async () => {
    if (!(await asUser<boolean>('is_person', {}))) throw failure('unauthorized');
  };
  const { bytes } = await readJson(request, { share, requireCaller, limits: bodyLimits });
  const wanted = readRunRequest(bytes);
  const started = await startAnswer(wanted, await digest(bytes), call);
  const { verdict, stored } = started;
  note({ run: verdict.run_id, rule: verdict.rule });
  if (!verdict.allowed) return refusalResponse(verdict, stored, requestId);
  if (verdict.is_replay) {
    return await resume(verdict.run_id as string, 0, runEvent(verdict, started), call);
  }
  return eventStream(
    streamAnswer(wanted, started, call),
    requestId,
    limitHeaders(windowsOf(verdict)),
  );
}

/** The first look comes before the answer begins, so that a refusal has its status. */
async function resume(
  runId: string,
  after: number,
  opening: Uint8Array,
  { asUser, requestId }: ChatCall,
): Promise<Response> {
  const read = (from: number) =>
    asUser<StoredAnswer>('read_answer', { run_id: runId, after: from });
  const frames = tailAnswer(opening, await read(after), after, {
    read,
    pause: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
    now: () => performance.now(),
  });
  return eventStream(ReadableStream.from(frames), requestId);
}

function eventStream(
  body: ReadableStream<Uint8Array>,
  requestId: string,
  more: Record<string, string> = {},
): Response {
  return new Response(body, {
    headers: {
      ...headers(requestId),
      ...more,
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-store',
      'x-accel-buffering': 'no',
    },
  });
}

function headers(requestId: string): Record<string, string> {
  return { ...corsHeaders, 'x-request-id': requestId };
}

function requireMethod(request: Request, method: string): void {
  if (request.method !== method) throw failure('method_not_allowed');
}
