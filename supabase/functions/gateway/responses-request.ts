import { invalid, unsupported } from './api-error.ts';
import type { CallRequest } from './call-request.ts';
import { readChatRequest } from './chat-request.ts';
import {
  type Fields,
  quoted,
  readArray,
  readFlag,
  readObject,
  readText,
  readWhole,
  required,
} from './fields.ts';

/** Told back in the answer, or about keeping it, which is not done here. */
const notPassed = [
  'input',
  'instructions',
  'max_output_tokens',
  'text',
  'include',
  'truncation',
  'background',
  'previous_response_id',
  'conversation',
  'stream_options',
  'tools',
  'tool_choice',
  // One response is one answer.
  'n',
];

/** A body of OpenAI's `/responses`, in the words of chat completions. */
export function readResponsesRequest(fields: Fields, bodyBytes: number): CallRequest {
  for (const name of ['previous_response_id', 'conversation', 'prompt']) {
    if (fields[name] !== undefined && fields[name] !== null) {
      throw unsupported(name, 'No answer is kept here: send the whole conversation as input.');
    }
  }
  if (readFlag(fields['background'], 'background')) {
    throw unsupported('background', 'An answer is given at once, or streamed.');
  }
  const instructions = readText(fields['instructions'], 'instructions', 20_000_000);
  const most = readWhole(fields['max_output_tokens'], 'max_output_tokens', 1, 1e7);
  const text = readObject(fields['text'], 'text');
  const format = readObject(text?.['format'], 'text.format');
  const verbosity = readText(text?.['verbosity'], 'text.verbosity', 20);
  const include = readArray(fields['include'], 'include', 100) ?? [];
  // Chat completions have no alternatives to a token without its own probability.
  const wantsLogprobs =
    include.includes('message.output_text.logprobs') || Boolean(fields['top_logprobs']);
  const reasoning = readObject(fields['reasoning'], 'reasoning');
  const isStream = readFlag(fields['stream'], 'stream') ?? false;
  const others = Object.fromEntries(
    Object.entries(fields).filter(([name]) => !notPassed.includes(name)),
  );
  return readChatRequest(
    {
      ...others,
      messages: [
        ...(instructions ? [{ role: 'system', content: instructions }] : []),
        ...readInput(fields['input']),
      ],
      ...(most === undefined ? {} : { max_tokens: most }),
      ...(format ? { response_format: formatOf(format) } : {}),
      ...(verbosity ? { verbosity } : {}),
      ...(wantsLogprobs ? { logprobs: true } : {}),
      ...(reasoning ? { reasoning: { effort: reasoning['effort'] ?? undefined } } : {}),
      ...(fields['tools'] ? { tools: readTools(fields['tools']) } : {}),
      ...(fields['tool_choice'] ? { tool_choice: toolChoiceOf(fields['tool_choice']) } : {}),
      ...(isStream ? { stream_options: { include_usage: true } } : {}),
    },
    bodyBytes,
  );
}

function formatOf({ type, ...schema }: Fields): Fields {
  return type === 'json_schema' ? { type, json_schema: schema } : { type };
}

function readInput(value: unknown): Fields[] {
  if (typeof value === 'string') return [{ role: 'user', content: value }];
  const items = required(readArray(value, 'input', 10_000), 'input');
  const messages: Fields[] = [];
  for (const [at, one] of items.entries()) {
    const param = `input[${at}]`;
    const item = required(readObject(one, param), param);
    const last = messages.at(-1);
    switch (item['type'] ?? 'message') {
      case 'message':
        messages.push(readMessage(item, param));
        break;
      case 'function_call': {
        const call = readCall(item, param);
        // Calls that were made together stand together.
        if (last && Array.isArray(last['tool_calls'])) last['tool_calls'].push(call);
        else messages.push({ role: 'assistant', content: null, tool_calls: [call] });
        break;
      }
      case 'function_call_output':
        messages.push({
          role: 'tool',
          tool_call_id: required(
            readText(item['call_id'], `${param}.call_id`, 200),
            `${param}.call_id`,
          ),
          content:
            typeof item['output'] === 'string'
              ? item['output']
              : readParts(item['output'], `${param}.output`),
        });
        break;
      case 'reasoning':
        // Thoughts of an earlier answer: only the provider that had them could read them.
        break;
      default:
        throw unsupported(`${param}.type`, `${quoted(item['type'])} cannot be sent.`);
    }
  }
  return messages;
}

function readMessage(item: Fields, param: string): Fields {
  const { role, content } = item;
  return {
    role,
    content: typeof content === 'string' ? content : readParts(content, `${param}.content`),
  };
}

function readParts(value: unknown, param: string): Fields[] {
  const parts = required(readArray(value, param, 10_000), param);
  return parts.map((one, at) => {
    const path = `${param}[${at}]`;
    const part = required(readObject(one, path), path);
    switch (part['type']) {
      case 'input_text':
      case 'output_text':
        return { type: 'text', text: part['text'] };
      case 'refusal':
        return { type: 'refusal', refusal: part['refusal'] };
      case 'input_image': {
        const { image_url: url, detail } = part;
        return { type: 'image_url', image_url: { url, ...(detail ? { detail } : {}) } };
      }
      default:
        throw unsupported(
          `${path}.type`,
          `${quoted(part['type'])} cannot be sent: what it costs cannot be bounded before the call.`,
        );
    }
  });
}

function readCall(item: Fields, param: string): Fields {
  const id = required(readText(item['call_id'], `${param}.call_id`, 200), `${param}.call_id`);
  const name = required(readText(item['name'], `${param}.name`, 200), `${param}.name`);
  const given = readText(item['arguments'], `${param}.arguments`, 20_000_000) ?? '{}';
  return { id, type: 'function', function: { name, arguments: given } };
}

function readTools(value: unknown): Fields[] {
  return (readArray(value, 'tools', 512) ?? []).map((one, at) => {
    const tool = required(readObject(one, `tools[${at}]`), `tools[${at}]`);
    if (tool['type'] !== 'function') {
      throw unsupported(`tools[${at}].type`, 'Only tools of the type "function" can be given.');
    }
    const { type: _type, ...called } = tool;
    return { type: 'function', function: called };
  });
}

function toolChoiceOf(value: unknown): unknown {
  if (typeof value === 'string') return value;
  const choice = readObject(value, 'tool_choice');
  if (choice?.['type'] !== 'function') {
    throw invalid('tool_choice', 'tool_choice must be auto, none, required or a function.');
  }
  return { type: 'function', function: { name: choice['name'] } };
}
