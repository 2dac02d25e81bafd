import { storableText } from '../_shared/storable-text.ts';
import { answeringModel } from '../_shared/answering-model.ts';
import { type Report, streamRun } from '../_shared/metered-stream.ts';
import { callUpstream } from '../_shared/upstream-call.ts';
import type { Permit, Verdict } from '../_shared/verdict.ts';
import type { ChatCall } from './chat-call.ts';

const instructions =
  'Write a title of at most six words for a conversation that begins with the message below. ' +
  'Use its language. Answer with the title only: no quotation marks, no full stop.';
const maxMessageChars = 2_000;
const maxTitleChars = 80;
const maxTokens = 40;

/**
 * Has a cheap model name a conversation, as a run of its own like any other: held, settled, with a
 * receipt. Without credits, quota or luck the title stays as the database made it.
 */
export async function makeTitle(
  {
    accountId,
    conversationId,
    message,
  }: Record<'accountId' | 'conversationId' | 'message', string>,
  { deps, asUser, asService }: ChatCall,
): Promise<void> {
  const messages = [
    { role: 'system', content: instructions },
    { role: 'user', content: storableText(message.slice(0, maxMessageChars)) },
  ];
  const verdict = await asUser<Verdict>('start_run', {
    account_id: accountId,
    models: ['oneai/auto-fast'],
    shape: {
      prompt_bytes: new TextEncoder().encode(messages.map(({ content }) => content).join(''))
        .length,
      messages: messages.length,
      max_tokens: maxTokens,
    },
    idempotency_key: `title:${conversationId}`,
  });
  if (!verdict.allowed || verdict.is_replay) return;
  const permit = verdict as Permit;
  const { run_id, model_ids, max_tokens, max_prompt_usd, max_completion_usd } = permit;
  let said = '';
  const run = streamRun({
    models: model_ids,
    answering: answeringModel(permit),
    open: (signal, failed, mayRetry) =>
      callUpstream(
        {
          url: deps.openRouterUrl,
          key: deps.openRouterKey,
          fetch: deps.fetch,
          body: { messages },
          models: model_ids,
          maxTokens: max_tokens,
          maxPromptUsd: max_prompt_usd,
          maxCompletionUsd: max_completion_usd,
          sessionId: `title-${conversationId}`,
        },
        signal,
        failed,
        mayRetry,
      ),
    flush: ({ generationId }) =>
      asService<boolean | null>('touch_run', { run_id, generation_id: generationId }),
    async finish(report: Report) {
      const receipts = await asService<unknown[]>('finish_run', { run_id, report });
      return { settlement: null, isFinal: receipts.length > 0 };
    },
    framing: {
      frame(_bytes, { content }) {
        said += content;
        return [];
      },
      close: () => undefined,
    },
    limits: { wholeMs: 30_000 },
  });
  const { status } = await run.ended;
  const title = cleanTitle(said);
  if (status === 'failed' || title === '') return;
  await asService('title_conversation', { conversation_id: conversationId, title });
}

/** Models like to wrap what they are asked for. */
export function cleanTitle(said: string): string {
  const [first = ''] = said.trim().split('\n');
  const line = first.replace(/(\*\*|`)(.+?)\1/g, '$2');
  const bare = line.replace(/^(title:\s*|[#*"'`“«_\s]+)+/i, '').replace(/[*"'`”»_\s.]+$/, '');
  return storableText([...bare].slice(0, maxTitleChars).join('')).trim();
}
