import {
  type Fields,
  type ImportedConversation,
  type ImportedMessage,
  isFields,
  moment,
  text,
} from './imported.ts';

function blocks(message: Fields, type: string, field: string): string {
  const content = Array.isArray(message['content']) ? message['content'] : [];
  return content
    .filter((block): block is Fields => isFields(block) && block['type'] === type)
    .map((block) => text(block[field]))
    .filter(Boolean)
    .join('\n\n');
}

function attachments(message: Fields): string {
  const files = Array.isArray(message['attachments']) ? message['attachments'] : [];
  return files
    .filter((file): file is Fields => isFields(file) && text(file['extracted_content']) !== '')
    .map(
      (file) =>
        `${text(file['file_name'])}\n\`\`\`\`\n${text(file['extracted_content'])}\n\`\`\`\``,
    )
    .join('\n\n');
}

export function isClaude(value: unknown): boolean {
  return isFields(value) && Array.isArray(value['chat_messages']);
}

/** A conversation of Claude's `conversations.json`: a list, with parents in newer files. */
export function readClaude(conversation: Fields): ImportedConversation {
  const listed = (conversation['chat_messages'] as unknown[]).filter(isFields);
  const ids = new Set(listed.map((message) => text(message['uuid'])));
  const messages: ImportedMessage[] = [];
  const parents = new Map<string, string | null>();
  const kept = new Set<string>();
  let before: string | null = null;
  for (const [at, message] of listed.entries()) {
    const id = text(message['uuid']) || `message-${at + 1}`;
    const parent = text(message['parent_message_uuid']);
    // Its first message answers a node that is not in the file.
    parents.set(id, parent ? (ids.has(parent) ? parent : null) : before);
    before = id;
    const content = [blocks(message, 'text', 'text') || text(message['text']), attachments(message)]
      .filter(Boolean)
      .join('\n\n');
    if (!content.trim()) continue;
    kept.add(id);
    const reasoning = blocks(message, 'thinking', 'thinking');
    messages.push({
      id,
      parent_id: null,
      role: message['sender'] === 'human' ? 'user' : 'assistant',
      content,
      reasoning: reasoning || undefined,
      created_at: moment(message['created_at']),
    });
  }
  for (const message of messages) {
    let parent = parents.get(message.id) ?? null;
    for (let steps = 0; parent !== null && !kept.has(parent) && steps < listed.length; steps++) {
      parent = parents.get(parent) ?? null;
    }
    message.parent_id = parent !== null && kept.has(parent) ? parent : null;
  }
  return {
    id: text(conversation['uuid']),
    title: text(conversation['name']),
    created_at: moment(conversation['created_at']),
    updated_at: moment(conversation['updated_at']),
    messages,
  };
}
