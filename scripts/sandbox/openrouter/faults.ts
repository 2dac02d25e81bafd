/** Decides whether a fault hits this attempt, and carries out those that need no answer. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Accounting } from './accounting.ts';
import { type Behaviour, isStatusFault, STATUS_FAULTS, type StatusFault } from './behaviour.ts';
import { closed } from './http.ts';
import { providerRefusal, Refusal } from './refusal.ts';
import { SANDBOX_BEHAVIOURS } from './sandbox-models.ts';

const PAGE = `<!doctype html>
<html lang="en">
  <head><title>Just a moment</title></head>
  <body><h1>Checking your connection</h1><p>This page is not the answer you asked for.</p></body>
</html>
`;

/** The model's own behaviour with the caller's wishes on top, and the fault only while it lasts. */
export function behaviourFor(
  modelId: string,
  wish: Partial<Behaviour>,
  defaults: Behaviour,
  attemptKey: string,
  accounting: Accounting,
): Behaviour {
  const behaviour = { ...defaults, ...SANDBOX_BEHAVIOURS.get(modelId), ...wish };
  if (behaviour.fault === null || behaviour.failFirst === null) return behaviour;
  const before = accounting.countFault(`${behaviour.fault} ${attemptKey}`);
  return before < behaviour.failFirst ? behaviour : { ...behaviour, fault: null };
}

/** Refuses with the status that was asked for, in the words OpenRouter would use. */
export function raiseStatusFault(
  { fault, retryAfter }: Behaviour,
  modelId: string,
  providerName: string,
): void {
  if (fault === null || !isStatusFault(fault)) return;
  const wait = retryAfter === null ? {} : { 'retry-after': String(retryAfter) };
  throw statusRefusal(fault, modelId, providerName, wait);
}

function statusRefusal(
  fault: StatusFault,
  modelId: string,
  provider: string,
  wait: Record<string, string>,
): Refusal {
  const status = STATUS_FAULTS[fault];
  switch (fault) {
    case 'bad-request':
      return providerRefusal(status, provider, '{"error":{"message":"Invalid request"}}');
    case 'unauthorized':
      return new Refusal(status, 'User not found.');
    case 'out-of-credits':
      return new Refusal(
        status,
        'Insufficient credits. Add more using https://openrouter.ai/settings/credits',
      );
    case 'moderated':
      return new Refusal(status, `${modelId} requires moderation. Your input was flagged.`, {
        reasons: ['violence'],
        flagged_input: 'the beginning of the prompt',
        provider_name: provider,
        model_slug: modelId,
      });
    case 'timeout':
      return new Refusal(status, 'Request timed out');
    case 'too-large':
      return new Refusal(status, 'Request Entity Too Large');
    case 'rate-limited': {
      const raw = `${modelId} is temporarily rate-limited upstream. Please retry shortly.`;
      return providerRefusal(status, provider, raw, { 'retry-after': '1', ...wait });
    }
    case 'server-error':
      return new Refusal(status, 'Internal Server Error');
    case 'bad-gateway':
      return providerRefusal(status, provider, 'upstream connect error', wait);
    case 'unavailable':
      return new Refusal(
        status,
        'There is no available model provider that meets your routing requirements',
        { provider_name: provider },
        wait,
      );
  }
}

/**
 * Faults that come instead of an answer. Says whether it was one; if so, the exchange is over when
 * the promise settles.
 */
export async function breakInstead(
  { fault }: Behaviour,
  request: IncomingMessage,
  response: ServerResponse,
  isStream: boolean,
): Promise<boolean> {
  const headers = { 'content-type': isStream ? 'text/event-stream' : 'application/json' };
  switch (fault) {
    case 'refuse':
      request.socket.resetAndDestroy();
      return true;
    case 'drop':
      response.writeHead(200, headers);
      response.flushHeaders();
      // An empty write is called back once everything before it has left the process.
      request.socket.write('', () => request.socket.destroy());
      await closed(response);
      return true;
    case 'hang':
      await closed(response);
      return true;
    case 'hang-after-headers':
      response.writeHead(200, headers);
      response.flushHeaders();
      await closed(response);
      return true;
    case 'html':
      response.writeHead(200, { 'content-type': 'text/html; charset=utf-8' });
      response.end(PAGE);
      return true;
    default:
      return false;
  }
}
