import {
  type Fields,
  type ImportedConversation,
  type ImportedMessage,
  isFields,
  moment,
  text,
} from './imported.ts';

function partText(part: unknown): string {
  if (typeof part === 'string') return part;
  if (!isFields(part)) return '';
  // What was said aloud has its words; a picture has only the fact that there was one.
  if (typeof part['text'] === 'string') return part['text'];
  return text(part['content_type']).startsWith('image') ? '*(a picture)*' : '';
}

/** The text of a message; nothing for what was never shown to a person. */
function contentOf(content: Fields): string {
  switch (content['content_type']) {
    case 'text':
    case 'multimodal_text':
      return (Array.isArray(content['parts']) ? content['parts'] : [])
        .map(partText)
        .filter(Boolean)
        .join('\n\n');
    case 'code':
      return text(content['text']) && `\`\`\`\n${text(content['text'])}\n\`\`\``;
    default:
      return '';
  }
}

function readMessage(message: unknown): Omit<ImportedMessage, 'id' | 'parent_id'> | null {
  if (!isFields(message) || !isFields(message['author']) || !isFields(message['content'])) {
    return null;
  }
  const { role } = message['author'];
  if (role !== 'user' && role !== 'assistant') return null;
  // Calls of tools are addressed to them, not to the person.
  if (text(message['recipient']) && message['recipient'] !== 'all') return null;
  const metadata = isFields(message['metadata']) ? message['metadata'] : {};
  if (metadata['is_visually_hidden_from_conversation'] === true) return null;
  const content = contentOf(message['content']);
  if (!content.trim()) return null;
  return {
    role,
    content,
    model: text(metadata['model_slug']) || undefined,
    created_at: moment(message['create_time']),
  };
}

export function isChatGpt(value: unknown): boolean {
  return isFields(value) && isFields(value['mapping']);
}

/** A conversation of ChatGPT's `conversations.json`: a tree of nodes, some of them not for reading. */
export function readChatGpt(conversation: Fields): ImportedConversation {
  const mapping = conversation['mapping'] as Fields;
  const nodes = Object.keys(mapping).length;
  const kept = new Map<string, Omit<ImportedMessage, 'id' | 'parent_id'>>();
  for (const [id, node] of Object.entries(mapping)) {
    const message = isFields(node) ? readMessage(node['message']) : null;
    if (message) kept.set(id, message);
  }
  const parentOf = (id: string): string | null => {
    const node = mapping[id];
    return isFields(node) && typeof node['parent'] === 'string' ? node['parent'] : null;
  };
  // A node that is left out hands its children to the next one above it that is kept.
  const keptFrom = (id: string | null): string | null => {
    let at = id;
    for (let steps = 0; at !== null && steps < nodes; steps++) {
      if (kept.has(at)) return at;
      at = parentOf(at);
    }
    return null;
  };
  const messages = [...kept].map(([id, message]) => ({
    id,
    parent_id: keptFrom(parentOf(id)),
    ...message,
  }));
  return {
    id: text(conversation['conversation_id']) || text(conversation['id']),
    title: text(conversation['title']),
    created_at: moment(conversation['create_time']),
    updated_at: moment(conversation['update_time']),
    model: text(conversation['default_model_slug']) || undefined,
    leaf_id: keptFrom(text(conversation['current_node']) || null) ?? undefined,
    messages,
  };
}
