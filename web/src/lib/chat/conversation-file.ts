import type { Conversation, Message } from '#lib/api/chat.ts';

/** Our own JSON: what the export writes and the import reads. */
export const fileFormat = 'oneai.conversations';

export interface ConversationFile {
  format: typeof fileFormat;
  version: 1;
  exported_at: string;
  conversations: {
    id: string;
    title: string;
    created_at: string;
    updated_at: string;
    model: string | null;
    leaf_id: string | null;
    messages: {
      id: string;
      parent_id: string | null;
      role: string;
      content: string;
      reasoning: string;
      model: string | null;
      status: string;
      created_at: string;
    }[];
  }[];
}

/** Whole, every branch of it, so that nothing is lost on the way there and back. */
export function conversationFile(
  conversation: Conversation,
  messages: readonly Message[],
  now: Date,
): ConversationFile {
  const { id, title, created_at, updated_at, model_id, leaf_id } = conversation;
  return {
    format: fileFormat,
    version: 1,
    exported_at: now.toISOString(),
    conversations: [
      {
        id,
        title,
        created_at,
        updated_at,
        model: model_id,
        leaf_id,
        messages: messages.map((message) => ({
          id: message.id,
          parent_id: message.parent_id,
          role: message.role,
          content: message.content,
          reasoning: message.reasoning ?? '',
          model: message.model_id,
          status: message.status,
          created_at: message.created_at,
        })),
      },
    ],
  };
}
