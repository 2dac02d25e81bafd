import type { Message } from '#lib/api/chat.ts';

/** A message as it is shown before the database has it. Its id is the one it will keep there. */
export function newMessage(
  conversationId: string,
  parentId: string | null,
  role: 'user' | 'assistant',
  content = '',
): Message {
  return {
    id: crypto.randomUUID(),
    conversation_id: conversationId,
    parent_id: parentId,
    role,
    content,
    reasoning: '',
    status: role === 'user' ? 'complete' : 'streaming',
    model_id: null,
    run_id: null,
    error_code: null,
    trimmed_messages: null,
    created_at: new Date().toISOString(),
  };
}
