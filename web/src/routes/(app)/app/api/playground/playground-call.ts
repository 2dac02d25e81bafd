import type { Call } from '#lib/snippets/call-snippets.ts';

export interface DraftMessage {
  id: number;
  role: 'system' | 'user' | 'assistant';
  content: string;
}

export interface CallDraft {
  model: string;
  messages: DraftMessage[];
  stream: boolean;
  /** As typed; empty is left out, so that the model's own value holds. */
  maxTokens: string;
  temperature: string;
  topP: string;
  stop: string;
}

/** A figure as typed, and as it stands where it is none: the gateway says what is wrong with it. */
function figure(text: string): number | string {
  const value = Number(text);
  return Number.isNaN(value) ? text : value;
}

/** The request as it is sent, and as the snippets write it: nothing that was not asked for. */
export function callOf(draft: CallDraft): Call {
  const { model, messages, stream } = draft;
  const given = {
    max_tokens: draft.maxTokens,
    temperature: draft.temperature,
    top_p: draft.topP,
  };
  const figures = Object.entries(given).filter(([, text]) => text.trim());
  return {
    method: 'POST',
    path: '/chat/completions',
    body: {
      model,
      messages: messages.map(({ role, content }) => ({ role, content })),
      ...Object.fromEntries(figures.map(([name, text]) => [name, figure(text.trim())])),
      ...(draft.stop ? { stop: draft.stop.split('\n').filter(Boolean) } : {}),
      ...(stream ? { stream, stream_options: { include_usage: true } } : {}),
    },
  };
}
