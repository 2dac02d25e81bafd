import { expect, test } from 'vitest';
import type { Conversation, Message } from '#lib/api/chat.ts';
import { conversationFile } from '../conversation-file.ts';
import { ImportProblem, readImport } from './read-file.ts';

const bytes = (value: unknown) =>
  new TextEncoder().encode(typeof value === 'string' ? value : JSON.stringify(value));
const read = (value: unknown) => readImport('conversations.json', bytes(value));

const node = (id: string, parent: string | null, role: string, parts: unknown[], more = {}) => ({
  id,
  parent,
  children: [],
  message: {
    id,
    author: { role },
    create_time: 1_700_000_000.5,
    content: { content_type: 'text', parts },
    metadata: role === 'assistant' ? { model_slug: 'gpt-4o' } : {},
    ...more,
  },
});

const chatgpt = [
  {
    conversation_id: 'c1',
    title: 'Tea',
    create_time: 1_700_000_000.5,
    update_time: 1_700_000_100,
    current_node: 'a2',
    mapping: {
      root: { id: 'root', parent: null, children: [], message: null },
      sys: node('sys', 'root', 'system', ['']),
      q1: node('q1', 'sys', 'user', ['How long?']),
      tool: node('tool', 'q1', 'assistant', ['search("tea")'], { recipient: 'web' }),
      a1: node('a1', 'tool', 'assistant', ['Three minutes.']),
      a2: node('a2', 'q1', 'assistant', ['Four.', { content_type: 'image_asset_pointer' }]),
      think: node('think', 'a2', 'assistant', [], {
        content: { content_type: 'thoughts', thoughts: [] },
      }),
      q2: node('q2', 'think', 'user', ['Sure?']),
    },
  },
];

test('a ChatGPT export keeps its branches and leaves out what nobody was shown', () => {
  const { source, conversations } = read(chatgpt);
  expect(source).toBe('chatgpt');
  expect(conversations[0]).toMatchObject({ id: 'c1', title: 'Tea', leaf_id: 'a2' });
  expect(conversations[0]?.messages.map(({ id, parent_id }) => [id, parent_id])).toEqual([
    ['q1', null],
    ['a1', 'q1'],
    ['a2', 'q1'],
    ['q2', 'a2'],
  ]);
  expect(conversations[0]?.messages.map(({ content }) => content)).toEqual([
    'How long?',
    'Three minutes.',
    'Four.\n\n*(a picture)*',
    'Sure?',
  ]);
  expect(conversations[0]?.messages[1]).toMatchObject({ role: 'assistant', model: 'gpt-4o' });
});

test('a Claude export keeps its order, its thinking and the text of its files', () => {
  const { source, conversations } = read([
    {
      uuid: 'u1',
      name: 'Plan',
      created_at: '2025-01-01T10:00:00Z',
      updated_at: '2025-01-02T10:00:00Z',
      chat_messages: [
        {
          uuid: 'm1',
          sender: 'human',
          text: 'Read this',
          created_at: '2025-01-01T10:00:00Z',
          attachments: [{ file_name: 'a.txt', extracted_content: 'inside' }],
        },
        { uuid: 'm2', sender: 'assistant', text: '', content: [] },
        {
          uuid: 'm3',
          sender: 'assistant',
          content: [
            { type: 'thinking', thinking: 'Hm.' },
            { type: 'text', text: 'Done.' },
          ],
        },
      ],
    },
  ]);
  expect(source).toBe('claude');
  expect(conversations[0]?.messages).toMatchObject([
    { id: 'm1', parent_id: null, role: 'user', content: 'Read this\n\na.txt\n````\ninside\n````' },
    { id: 'm3', parent_id: 'm1', role: 'assistant', content: 'Done.', reasoning: 'Hm.' },
  ]);
});

test('a newer Claude export has branches', () => {
  const { conversations } = read([
    {
      uuid: 'u1',
      name: '',
      chat_messages: [
        { uuid: 'm1', sender: 'human', text: 'q', parent_message_uuid: 'not-there' },
        { uuid: 'm2', sender: 'assistant', text: 'a', parent_message_uuid: 'm1' },
        { uuid: 'm3', sender: 'assistant', text: 'b', parent_message_uuid: 'm1' },
      ],
    },
  ]);
  expect(conversations[0]?.messages.map(({ parent_id }) => parent_id)).toEqual([null, 'm1', 'm1']);
});

test('what is exported here is read here, whole', () => {
  const conversation = {
    id: 'c',
    title: 'T',
    created_at: '2026-01-01T00:00:00Z',
    updated_at: '2026-01-02T00:00:00Z',
    model_id: 'oneai/auto',
    leaf_id: 'm2',
  } as Conversation;
  const message = (id: string, parent_id: string | null, role: string) =>
    ({
      id,
      parent_id,
      role,
      content: id,
      reasoning: '',
      model_id: null,
      status: 'complete',
    }) as Message;
  const messages = [message('m1', null, 'user'), message('m2', 'm1', 'assistant')];
  const { source, conversations } = read(conversationFile(conversation, messages, new Date()));
  expect(source).toBe('oneai');
  expect(conversations[0]).toMatchObject({ id: 'c', leaf_id: 'm2', model: 'oneai/auto' });
  expect(conversations[0]?.messages).toHaveLength(2);
});

test('of our own files, what is no conversation is left to be named', () => {
  const { conversations } = read({ format: 'oneai.conversations', conversations: [null, 7, []] });
  expect(conversations).toEqual([{}, {}, {}]);
});

test('what cannot be read is told apart, in words', () => {
  const problem = (value: string | Uint8Array) => {
    try {
      readImport('x.json', typeof value === 'string' ? bytes(value) : value);
    } catch (error) {
      expect(error).toBeInstanceOf(ImportProblem);
      return (error as Error).message;
    }
    throw new Error('It was taken.');
  };
  expect(problem('')).toContain('empty');
  expect(problem('[]')).toContain('no conversations');
  expect(problem(JSON.stringify(chatgpt).slice(0, -40))).toContain('breaks off');
  expect(problem('{"a": }')).toContain('not a JSON file');
  expect(problem('{"hello": "world"}')).toContain('no export');
  expect(problem('42')).toContain('no export');
  expect(problem(Uint8Array.of(0x50, 0x4b, 3, 4))).toContain('zip');
  expect(problem(Uint8Array.of(0x89, 0xff, 0xfe))).toContain('not a text file');
});

test('hostile shapes are left out, not followed', () => {
  const { conversations } = read([
    {
      id: 'loop',
      title: { toString: 'no' },
      mapping: {
        a: { parent: 'b', message: null },
        b: { parent: 'a', message: null },
        c: node('c', 'a', 'user', ['hi']),
        d: 'nonsense',
        __proto__: null,
      },
      current_node: 7,
    },
    { mapping: 'no' },
    null,
  ]);
  expect(conversations).toHaveLength(1);
  expect(conversations[0]).toMatchObject({ title: '', leaf_id: undefined });
  expect(conversations[0]?.messages).toMatchObject([{ id: 'c', parent_id: null, content: 'hi' }]);
});
