import { failure } from '../_shared/errors.ts';
import { storableText } from '../_shared/storable-text.ts';

export interface ChatMessage {
  role: string;
  content: string;
}

/** What the page asks for. Whether it may be had is for the database to say. */
export interface RunRequest {
  accountId: string;
  conversationId: string;
  answerId: string;
  models: string[];
  message: Record<string, unknown> | null;
  answerTo: string | null;
  options: Record<string, unknown>;
  /** The whole conversation, when it is one that is never stored. */
  temporary: ChatMessage[] | null;
}

type Fields = Record<string, unknown>;

export function readRunRequest(bytes: Uint8Array): RunRequest {
  const body = parse(bytes);
  return {
    accountId: uuid(body, 'account_id'),
    conversationId: uuid(body, 'conversation_id'),
    answerId: uuid(body, 'answer_id'),
    models: strings(body['models']),
    message: isEmpty(body['message']) ? null : fields(body['message'], 'message'),
    answerTo: isEmpty(body['answer_to']) ? null : uuid(body, 'answer_to'),
    options: isEmpty(body['options']) ? {} : readOptions(fields(body['options'], 'options')),
    temporary: isEmpty(body['temporary']) ? null : messages(fields(body['temporary'], 'temporary')),
  };
}

function parse(bytes: Uint8Array): Fields {
  try {
    const body: unknown = JSON.parse(new TextDecoder().decode(bytes), (_name, value: unknown) =>
      typeof value === 'string' ? storableText(value) : value,
    );
    return fields(body, 'The body');
  } catch (error) {
    if (error instanceof SyntaxError) throw invalid('The body is not JSON.');
    throw error;
  }
}

const efforts = ['minimal', 'low', 'medium', 'high'];

function readOptions(options: Fields): Fields {
  const effort = options['reasoning_effort'];
  if (!isEmpty(effort) && !efforts.includes(effort as string)) {
    throw invalid(`reasoning_effort is one of ${efforts.join(', ')}.`);
  }
  return options;
}

function messages(temporary: Fields): ChatMessage[] {
  const list = temporary['messages'];
  if (!Array.isArray(list) || list.length === 0) throw invalid('A temporary chat has messages.');
  return list.map((item, at) => {
    const { role, content } = fields(item, `messages[${at}]`);
    if (!['system', 'user', 'assistant'].includes(role as string)) {
      throw invalid(`messages[${at}].role is system, user or assistant.`);
    }
    if (typeof content !== 'string') throw invalid(`messages[${at}].content must be text.`);
    return { role: role as string, content };
  });
}

function strings(value: unknown): string[] {
  if (!Array.isArray(value) || value.length === 0 || !value.every((id) => typeof id === 'string')) {
    throw invalid('models is a list of at least one model.');
  }
  return value;
}

function uuid(body: Fields, name: string): string {
  const value = body[name];
  if (typeof value === 'string' && isUuid(value)) return value;
  throw invalid(`${name} must be a uuid.`);
}

export function isUuid(value: string): boolean {
  return /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(value);
}

function fields(value: unknown, name: string): Fields {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Fields;
  throw invalid(`${name} must be an object.`);
}

function isEmpty(value: unknown): boolean {
  return value === undefined || value === null;
}

function invalid(detail: string) {
  return failure('invalid_input', detail);
}
