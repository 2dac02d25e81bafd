import type { Piece } from '../_shared/answer-pieces.ts';
import { answeringModel } from '../_shared/answering-model.ts';
import { streamRun } from '../_shared/metered-stream.ts';
import { storableText } from '../_shared/storable-text.ts';
import { callUpstream } from '../_shared/upstream-call.ts';
import type { Permit, Verdict } from '../_shared/verdict.ts';
import type { ChatCall } from './chat-call.ts';
import { chatFraming, type Opened, type Settlement } from './chat-events.ts';
import { makeTitle } from './make-title.ts';
import type { ChatMessage, RunRequest } from './run-request.ts';

/** What the database opened: the verdict, and what the model is to be told. */
export interface Started extends Opened {
  verdict: Verdict;
  context: ChatMessage[];
  /** Whether the database has the message, whatever the verdict. */
  stored: boolean;
}

/** What `api.start_temporary_answer` returns: the places, from 1, of the messages that fit. */
interface TemporaryStarted {
  verdict: Verdict;
  kept: number[];
  trimmed: Opened['trimmed'];
}

/** Asks the database, which keeps the message, chooses the context and holds the money, or refuses. */
export async function startAnswer(
  request: RunRequest,
  requestHash: string,
  { asUser }: ChatCall,
): Promise<Started> {
  const { accountId, conversationId, answerId, models, message, answerTo, options } = request;
  if (!request.temporary) {
    return await asUser<Started>('start_answer', {
      account_id: accountId,
      conversation_id: conversationId,
      answer_id: answerId,
      models,
      message,
      answer_to: answerTo,
      options,
      request_hash: requestHash,
    });
  }
  return await startTemporary(request, request.temporary, requestHash, asUser);
}

/** More than the 8,000 characters the database looks at, whatever they are made of. */
const lookedAt = 16_000;

/** The database hears how long each message is and how the last one begins, and keeps neither. */
async function startTemporary(
  { accountId, conversationId, answerId, models, options }: RunRequest,
  messages: ChatMessage[],
  requestHash: string,
  asUser: ChatCall['asUser'],
): Promise<Started> {
  const encoder = new TextEncoder();
  const asked = messages.findLast(({ role }) => role === 'user')?.content;
  const { verdict, kept, trimmed } = await asUser<TemporaryStarted>('start_temporary_answer', {
    account_id: accountId,
    answer_id: answerId,
    models,
    roles: messages.map(({ role }) => role),
    sizes: messages.map(({ content }) => encoder.encode(content).length),
    content: asked === undefined ? null : storableText(asked.slice(0, lookedAt)),
    options,
    request_hash: requestHash,
  });
  const context = kept.flatMap((place) => messages[place - 1] ?? []);
  return {
    conversation_id: conversationId,
    user_message_id: null,
    answer_id: answerId,
    trimmed,
    verdict,
    context,
    stored: false,
  };
}

/** Streams the answer. It goes on to its end whoever watches, unless it is temporary, and is settled then. */
export function streamAnswer(
  request: RunRequest,
  { verdict, context, ...opened }: Started,
  call: ChatCall,
): ReadableStream<Uint8Array> {
  const { deps, asService } = call;
  const permit = verdict as Permit;
  const { run_id } = permit;
  const effort = request.options['reasoning_effort'];
  // Of a temporary chat nothing leaves this worker but its cost.
  const toKeep = (pieces: Piece[]) => (request.temporary ? [] : pieces);
  const run = streamRun<Settlement>({
    models: permit.model_ids,
    answering: answeringModel(permit),
    open: (signal, failed, mayRetry) =>
      callUpstream(
        {
          url: deps.openRouterUrl,
          key: deps.openRouterKey,
          fetch: deps.fetch,
          body: { messages: context, ...(effort ? { reasoning: { effort } } : {}) },
          models: permit.model_ids,
          maxTokens: permit.max_tokens,
          maxPromptUsd: permit.max_prompt_usd,
          maxCompletionUsd: permit.max_completion_usd,
          sessionId: request.conversationId,
        },
        signal,
        failed,
        mayRetry,
      ),
    flush: ({ first, pieces, generationId }) =>
      asService<boolean | null>('append_frames', {
        run_id,
        first,
        frames: toKeep(pieces),
        generation_id: generationId,
      }),
    async finish(report, { first, pieces }) {
      const settlement = await asService<Settlement>('finish_answer', {
        run_id,
        report,
        first,
        frames: toKeep(pieces),
      });
      return { settlement, isFinal: settlement.receipt !== null };
    },
    framing: chatFraming(permit, opened),
    // Nobody could ever read on.
    ...(request.temporary ? { left: () => run.stop() } : {}),
    ...(deps.limits ? { limits: deps.limits } : {}),
  });
  deps.running.set(run_id, run.stop);
  const outlive = async () => {
    const { status, report } = await run.ended;
    deps.running.delete(run_id);
    call.note({ outcome: status, error: report.error_code, tries: report.attempts });
    const message = firstMessage(context);
    if (request.temporary || status !== 'complete' || message === undefined) return;
    const { accountId, conversationId } = request;
    // A title is a comfort: whatever keeps it from being made is no failure of the answer.
    await makeTitle({ accountId, conversationId, message }, call).catch(() => {});
  };
  deps.waitUntil(outlive());
  call.logAfter(run.ended);
  return run.viewer;
}

/** The person's message, when it is the first of its conversation. */
function firstMessage(context: ChatMessage[]): string | undefined {
  const [first, ...more] = context.filter(({ role }) => role !== 'system');
  return more.length === 0 ? first?.content : undefined;
}
