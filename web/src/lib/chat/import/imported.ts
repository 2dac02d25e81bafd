/** A conversation from elsewhere, as `api.import_conversations` takes it. */
export interface ImportedConversation {
  id: string;
  title: string;
  created_at: string | number | null;
  updated_at: string | number | null;
  model?: string | undefined;
  leaf_id?: string | undefined;
  messages: ImportedMessage[];
}

export interface ImportedMessage {
  id: string;
  parent_id: string | null;
  role: 'user' | 'assistant' | 'system';
  content: string;
  reasoning?: string | undefined;
  model?: string | undefined;
  created_at: string | number | null;
}

export type Source = 'chatgpt' | 'claude' | 'oneai';

export type Fields = Record<string, unknown>;

export function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

export function moment(value: unknown): string | number | null {
  return typeof value === 'string' || typeof value === 'number' ? value : null;
}
