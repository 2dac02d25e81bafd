import { RequestError } from '../_shared/errors.ts';
import { assertEquals } from '../_shared/testing.ts';
import { ApiError } from './api-error.ts';
import { readChatRequest } from './chat-request.ts';
import type { Fields } from './fields.ts';
import { readMessagesRequest } from './messages-request.ts';
import { readResponsesRequest } from './responses-request.ts';

const hello = [{ role: 'user', content: 'hello' }];
const read = (fields: Fields) => readChatRequest(fields, JSON.stringify(fields).length);

function paramOf(fields: Fields, reader = read): string | null {
  try {
    reader(fields);
    return 'it was taken';
  } catch (error) {
    if (error instanceof ApiError) return error.param;
    throw error;
  }
}

Deno.test('what a call can cost is counted from all of it', () => {
  const picture = `data:image/png;base64,${'A'.repeat(5000)}`;
  const fields = {
    model: 'a/b',
    n: 3,
    max_tokens: 10,
    max_completion_tokens: 20,
    messages: [
      { role: 'user', content: [{ type: 'image_url', image_url: { url: picture } }] },
      { role: 'assistant', tool_calls: [{ function: { name: 'f', arguments: '{}' } }] },
      { role: 'tool', tool_call_id: 'x', content: 'sunny' },
    ],
    tools: [{ type: 'function', function: { name: 'f' } }],
  };
  const bytes = JSON.stringify(fields).length;
  assertEquals(readChatRequest(fields, bytes).shape, {
    // The picture counts as one, its bytes not; a tool has words of the provider's own around it.
    prompt_bytes: bytes - picture.length + 1024 + 128,
    messages: 4,
    images: 1,
    choices: 3,
    max_tokens: 20,
  });
});

Deno.test('a preset is chosen by what the user said last, another model by nothing of it', () => {
  const messages = [
    { role: 'user', content: [{ type: 'text', text: `a\0${'b'.repeat(7997)}🦊 and more` }] },
    { role: 'assistant', content: [{ type: 'text', text: 'I look' }] },
    { role: 'tool', tool_call_id: 'x', content: [{ type: 'text', text: 'sunny' }] },
  ];
  const tools = [{ type: 'function', function: { name: 'f' } }];
  const { features, shape } = read({ model: 'oneai/auto', messages, tools, max_tokens: 100 });
  const prompt_tokens = Math.ceil((shape.prompt_bytes + 26 * shape.messages) / 3);
  assertEquals(features, {
    text: `a\ufffd${'b'.repeat(7997)}\ufffd`,
    has_images: false,
    has_tools: true,
    prompt_tokens,
    context_tokens: prompt_tokens + 100,
  });
  assertEquals('text' in read({ model: 'a/b', messages }).features, false);
});

Deno.test('room is wanted for a usual answer, or for what is asked for within reason', () => {
  const roomOf = (fields: Fields) => {
    const { prompt_tokens, context_tokens } = read({
      model: 'a/b',
      messages: hello,
      ...fields,
    }).features;
    return context_tokens - prompt_tokens;
  };
  assertEquals([roomOf({}), roomOf({ max_tokens: 10_000_000 })], [4096, 16_384]);
});

Deno.test('the wanted model comes first, then what to fall back to, each once', () => {
  const one = { messages: hello, model: 'a/b', models: ['c/d', 'a/b'] };
  assertEquals(read(one).models, ['a/b', 'c/d']);
  assertEquals(read({ messages: hello, models: ['c/d'] }).models, ['c/d']);
  assertEquals(paramOf({ messages: hello }), 'model');
});

Deno.test('a cached prompt is kept no longer than its price says', () => {
  const part = { type: 'text', text: 'x', cache_control: { type: 'ephemeral', ttl: '1h' } };
  const { body } = read({ model: 'a/b', messages: [{ role: 'user', content: [part] }] });
  assertEquals(body['messages'], [
    { role: 'user', content: [{ ...part, cache_control: { type: 'ephemeral' } }] },
  ]);
});

Deno.test('what is new goes on, what is ours or dear does not, and what matters is refused', () => {
  const { body, ignored } = read({
    model: 'a/b',
    messages: hello,
    brand_new: 1,
    user: 'x',
    speed: 'fast',
    plugins: [],
  });
  assertEquals(body, { brand_new: 1, messages: hello });
  const cache_control = { type: 'ephemeral', ttl: '1h' };
  const cached = read({ model: 'a/b', messages: hello, cache_control }).body;
  assertEquals(cached['cache_control'], { type: 'ephemeral' });
  assertEquals(ignored, ['user', 'speed']);
  assertEquals(paramOf({ model: 'a/b', messages: hello, plugins: [{}] }), 'plugins');
});

Deno.test('a preset is no fallback, and named as left out', () => {
  const models = ['oneai/auto', 'a/b', 'oneai/auto-fast'];
  assertEquals(read({ model: 'a/b', models, messages: hello }).ignored, ['models[0]', 'models[2]']);
  assertEquals(read({ models, messages: hello }).ignored, ['models[2]']);
});

Deno.test("OpenAI's responses are read into a conversation", () => {
  const { body, shape, includeUsage } = readResponsesRequest(
    {
      model: 'a/b',
      instructions: 'Be kind.',
      max_output_tokens: 9,
      stream: true,
      input: [
        { role: 'user', content: [{ type: 'input_text', text: 'hi' }] },
        { type: 'reasoning', summary: [] },
        { type: 'function_call', call_id: '1', name: 'f', arguments: '{}' },
        { type: 'function_call', call_id: '2', name: 'g', arguments: '{}' },
        { type: 'function_call_output', call_id: '1', output: 'one' },
      ],
      text: { format: { type: 'json_schema', name: 'n', schema: {} } },
    },
    100,
  );
  const call = (id: string, name: string) => ({
    id,
    type: 'function',
    function: { name, arguments: '{}' },
  });
  assertEquals(body['messages'], [
    { role: 'system', content: 'Be kind.' },
    { role: 'user', content: [{ type: 'text', text: 'hi' }] },
    { role: 'assistant', content: null, tool_calls: [call('1', 'f'), call('2', 'g')] },
    { role: 'tool', tool_call_id: '1', content: 'one' },
  ]);
  assertEquals(body['response_format'], {
    type: 'json_schema',
    json_schema: { name: 'n', schema: {} },
  });
  assertEquals([shape.max_tokens, includeUsage], [9, true]);
  const kept = { model: 'a/b', input: 'x', previous_response_id: 'resp_1' };
  assertEquals(
    paramOf(kept, (fields) => readResponsesRequest(fields, 10)),
    'previous_response_id',
  );
});

Deno.test("Anthropic's messages are read into a conversation", () => {
  const { body, shape } = readMessagesRequest(
    {
      model: 'a/b',
      max_tokens: 9,
      system: 'Be kind.',
      messages: [
        {
          role: 'assistant',
          content: [
            { type: 'thinking', thinking: 'hm', signature: 's' },
            { type: 'tool_use', id: '1', name: 'f', input: { x: 1 } },
          ],
        },
        {
          role: 'user',
          content: [
            { type: 'tool_result', tool_use_id: '1', content: 'one' },
            { type: 'text', text: 'and?' },
          ],
        },
      ],
      tool_choice: { type: 'any', disable_parallel_tool_use: true },
      tools: [{ name: 'f', input_schema: {} }],
    },
    100,
  );
  assertEquals(body['messages'], [
    { role: 'system', content: 'Be kind.' },
    {
      role: 'assistant',
      content: null,
      tool_calls: [{ id: '1', type: 'function', function: { name: 'f', arguments: '{"x":1}' } }],
      reasoning_details: [
        { type: 'reasoning.text', text: 'hm', signature: 's', format: 'anthropic-claude-v1' },
      ],
    },
    { role: 'tool', tool_call_id: '1', content: 'one' },
    { role: 'user', content: [{ type: 'text', text: 'and?' }] },
  ]);
  assertEquals([body['tool_choice'], body['parallel_tool_calls']], ['required', false]);
  assertEquals(shape.max_tokens, 9);
  const without = { model: 'a/b', messages: hello };
  assertEquals(
    paramOf(without, (fields) => readMessagesRequest(fields, 10)),
    'max_tokens',
  );
});

Deno.test('a refusal is an error of ours', () => {
  try {
    read({ model: 'a/b', messages: [] });
  } catch (error) {
    assertEquals(error instanceof RequestError && error.status, 422);
    return;
  }
  throw new Error('it was taken');
});

Deno.test("OpenRouter's wish for the usage of a stream is heard", () => {
  const wish = { model: 'a/b', messages: hello, stream: true };
  assertEquals(read(wish).includeUsage, false);
  assertEquals(read({ ...wish, usage: { include: false } }).includeUsage, false);
  const { includeUsage, body, ignored } = read({ ...wish, usage: { include: true } });
  assertEquals([includeUsage, 'usage' in body, ignored], [true, false, []]);
});

Deno.test("Anthropic's wishes for the form and the effort of an answer reach the model", () => {
  const wish = { model: 'a/b', max_tokens: 9, messages: hello };
  const schema = { type: 'object' };
  const asked = (more: Fields) => readMessagesRequest({ ...wish, ...more }, 100);
  const output_config = { effort: 'low', format: { type: 'json_schema', schema } };
  const { body, ignored } = asked({ thinking: { type: 'adaptive' }, output_config });
  assertEquals(body['response_format'], {
    type: 'json_schema',
    json_schema: { name: 'answer', strict: true, schema },
  });
  assertEquals(body['reasoning'], { enabled: true, effort: 'low' });
  assertEquals(['output_config' in body, ignored], [false, []]);
  // Without thoughts there is nothing to tell of it.
  assertEquals(asked({ output_config: { effort: 'low' } }).ignored, ['output_config.effort']);
  const odd = { ...wish, output_config: { format: { type: 'xml' } } };
  assertEquals(
    paramOf(odd, (one) => readMessagesRequest(one, 100)),
    'output_config.format.type',
  );
});

Deno.test("what responses say of their text is said in chat's words", () => {
  const asked = (more: Fields) => readResponsesRequest({ model: 'a/b', input: 'x', ...more }, 100);
  assertEquals(asked({ text: { verbosity: 'low' } }).body['verbosity'], 'low');
  const { body } = asked({ top_logprobs: 2 });
  assertEquals([body['logprobs'], body['top_logprobs']], [true, 2]);
  assertEquals(asked({ include: ['message.output_text.logprobs'] }).body['logprobs'], true);
  assertEquals('logprobs' in asked({ include: ['reasoning.encrypted_content'] }).body, false);
});

Deno.test('what is one answer is asked for once, and paid once', () => {
  const messages = readMessagesRequest({ model: 'a/b', max_tokens: 9, messages: hello, n: 3 }, 100);
  const responses = readResponsesRequest({ model: 'a/b', input: 'x', n: 3 }, 100);
  for (const { shape, body } of [messages, responses]) {
    assertEquals([shape.choices, 'n' in body], [1, false]);
  }
});
