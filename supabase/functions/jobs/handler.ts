import { isSameSecret } from '../_shared/constant-time.ts';
import { preflight } from '../_shared/cors.ts';
import { errorResponse, failure, RequestError } from '../_shared/errors.ts';
import { logRequest } from '../_shared/log.ts';
import { requestIdOf } from '../_shared/request-id.ts';
import type { Task, TaskDeps } from './tasks.ts';

export interface JobsDeps extends Omit<TaskDeps, 'requestId' | 'signal'> {
  tasks: Record<string, Task>;
}

const maxBodyChars = 1000;

/** Work that time starts and that needs the network. Only the scheduler's secret key may ask for it. */
export async function handleJobs(request: Request, deps: JobsDeps): Promise<Response> {
  const answer = preflight(request);
  if (answer) return answer;
  const requestId = requestIdOf(request);
  const log = logRequest('jobs', requestId);
  let response: Response;
  try {
    const task = await readTask(request, deps);
    log.note({ task });
    const run = deps.tasks[task] as Task;
    const result = await run({ ...deps, requestId, signal: request.signal });
    response = Response.json({ task, result }, { headers: { 'x-request-id': requestId } });
  } catch (error) {
    log.note({ error: error instanceof Error ? error.message : String(error) });
    response = errorResponse(error, requestId);
  }
  log.end(response.status);
  return response;
}

async function readTask(request: Request, { env, tasks }: JobsDeps): Promise<string> {
  const key = request.headers.get('apikey') ?? '';
  if (!(await isSameSecret(key, env.secretKey))) throw failure('unauthorized');
  if (request.method !== 'POST') throw failure('method_not_allowed');
  const text = await request.text();
  if (text.length > maxBodyChars) throw failure('too_large');
  const task = parseTask(text);
  if (task === undefined) throw invalid('The body must be JSON with the name of a task.');
  if (!Object.hasOwn(tasks, task)) throw invalid('There is no task of that name.');
  return task;
}

function invalid(detail: string): RequestError {
  return failure('invalid_input', detail, 'Send { "task": "sync-models" } or another known task.');
}

function parseTask(text: string): string | undefined {
  try {
    const body: unknown = JSON.parse(text);
    const task = (body as { task?: unknown } | null)?.task;
    return typeof task === 'string' ? task : undefined;
  } catch {
    return undefined;
  }
}
