import { invalid, unsupported } from './api-error.ts';
import type { CallRequest } from './call-request.ts';
import { readChatRequest } from './chat-request.ts';
import {
  type Fields,
  isFields,
  quoted,
  readArray,
  readFlag,
  readObject,
  readText,
  readWhole,
  required,
} from './fields.ts';

/** A body of Anthropic's `/messages`, in the words of chat completions. */
export function readMessagesRequest(fields: Fields, bodyBytes: number): CallRequest {
  const maxTokens = required(readWhole(fields['max_tokens'], 'max_tokens', 1, 1e7), 'max_tokens');
  const given = required(readArray(fields['messages'], 'messages', 10_000), 'messages');
  const system = readSystem(fields['system']);
  const messages = given.flatMap((one, at) => readMessage(one, `messages[${at}]`));
  const isStream = readFlag(fields['stream'], 'stream') ?? false;
  const output = readObject(fields['output_config'], 'output_config') ?? {};
  const format = readObject(output['format'], 'output_config.format');
  const reasoning = reasoningOf(fields['thinking'], output['effort']);
  const choice = readObject(fields['tool_choice'], 'tool_choice');
  const {
    system: _system,
    stop_sequences,
    thinking: _thinking,
    tool_choice: _choice,
    metadata: _metadata,
    max_tokens: _most,
    output_config: _output,
    // One message is answered by one.
    n: _choices,
    ...others
  } = fields;
  const request = readChatRequest(
    {
      ...others,
      messages: [...system, ...messages],
      max_tokens: maxTokens,
      ...(stop_sequences === undefined ? {} : { stop: stop_sequences }),
      ...(fields['tools'] ? { tools: readTools(fields['tools']) } : {}),
      ...(choice ? toolChoiceOf(choice) : {}),
      ...(reasoning ? { reasoning } : {}),
      ...(format ? { response_format: formatOf(format) } : {}),
      ...(isStream ? { stream_options: { include_usage: true } } : {}),
    },
    bodyBytes,
  );
  const isLost = output['effort'] !== undefined && reasoning?.['effort'] === undefined;
  return isLost ? { ...request, ignored: [...request.ignored, 'output_config.effort'] } : request;
}

/** The effort is told with the thoughts that it is about. */
function reasoningOf(value: unknown, effort: unknown): Fields | undefined {
  const thinking = readObject(value, 'thinking');
  switch (thinking?.['type']) {
    case 'enabled':
      return {
        max_tokens: readWhole(thinking['budget_tokens'], 'thinking.budget_tokens', 1, 1e7),
      };
    case 'adaptive':
      return { enabled: true, effort: readText(effort, 'output_config.effort', 20) };
    default:
      return undefined;
  }
}

function formatOf({ type, schema }: Fields): Fields {
  if (type !== 'json_schema') {
    throw unsupported(
      'output_config.format.type',
      'Only the format "json_schema" can be asked for.',
    );
  }
  return { type, json_schema: { name: 'answer', strict: true, schema } };
}

function readSystem(value: unknown): Fields[] {
  if (value === undefined || value === null) return [];
  if (typeof value === 'string') return [{ role: 'system', content: value }];
  const blocks = readArray(value, 'system', 1000) ?? [];
  return [{ role: 'system', content: blocks.map((one, at) => readBlock(one, `system[${at}]`)) }];
}

/** What tools answered is a message of its own there, and part of the user's here. */
function readMessage(value: unknown, param: string): Fields[] {
  const message = required(readObject(value, param), param);
  const { role, content } = message;
  if (role !== 'user' && role !== 'assistant') {
    throw invalid(`${param}.role`, `${param}.role must be user or assistant.`);
  }
  if (typeof content === 'string') return [{ role, content }];
  const blocks = required(readArray(content, `${param}.content`, 10_000), `${param}.content`);
  const results: Fields[] = [];
  const parts: Fields[] = [];
  const calls: Fields[] = [];
  const thoughts: Fields[] = [];
  for (const [at, one] of blocks.entries()) {
    const path = `${param}.content[${at}]`;
    const block = required(readObject(one, path), path);
    if (block['type'] === 'tool_result') results.push(...readResult(block, path));
    else if (block['type'] === 'tool_use') calls.push(readCall(block, path));
    else if (block['type'] === 'thinking') thoughts.push(thoughtOf(block));
    else if (block['type'] !== 'redacted_thinking') parts.push(readBlock(block, path));
  }
  if (role === 'user') {
    return [...results, ...(parts.length > 0 ? [{ role, content: parts }] : [])];
  }
  return [
    {
      role,
      content: parts.length > 0 ? parts : null,
      ...(calls.length > 0 ? { tool_calls: calls } : {}),
      ...(thoughts.length > 0 ? { reasoning_details: thoughts } : {}),
    },
  ];
}

function thoughtOf({ thinking, signature }: Fields): Fields {
  return { type: 'reasoning.text', text: thinking, signature, format: 'anthropic-claude-v1' };
}

function readCall(block: Fields, param: string): Fields {
  const id = required(readText(block['id'], `${param}.id`, 200), `${param}.id`);
  const name = required(readText(block['name'], `${param}.name`, 200), `${param}.name`);
  const given = JSON.stringify(block['input'] ?? {});
  return { id, type: 'function', function: { name, arguments: given } };
}

function readResult(block: Fields, param: string): Fields[] {
  const path = `${param}.tool_use_id`;
  const id = required(readText(block['tool_use_id'], path, 200), path);
  const { content } = block;
  const parts =
    content === undefined || content === null || typeof content === 'string'
      ? (content ?? '')
      : (readArray(content, `${param}.content`, 1000) ?? []).map((one, at) =>
          readBlock(one, `${param}.content[${at}]`),
        );
  return [{ role: 'tool', tool_call_id: id, content: parts }];
}

function readBlock(value: unknown, param: string): Fields {
  const block = required(readObject(value, param), param);
  const cache = isFields(block['cache_control']) ? { cache_control: block['cache_control'] } : {};
  if (block['type'] === 'text') return { type: 'text', text: block['text'], ...cache };
  if (block['type'] === 'image') {
    const source = required(readObject(block['source'], `${param}.source`), `${param}.source`);
    const url = source['type'] === 'base64' ? dataUrlOf(source, `${param}.source`) : source['url'];
    return { type: 'image_url', image_url: { url }, ...cache };
  }
  throw unsupported(
    `${param}.type`,
    `${quoted(block['type'])} cannot be sent: what it costs cannot be bounded before the call.`,
  );
}

function dataUrlOf(source: Fields, param: string): string {
  const type = required(readText(source['media_type'], `${param}.media_type`, 100), param);
  const data = required(readText(source['data'], `${param}.data`, 20_000_000), param);
  return `data:${type};base64,${data}`;
}

function readTools(value: unknown): Fields[] {
  return (readArray(value, 'tools', 512) ?? []).map((one, at) => {
    const tool = required(readObject(one, `tools[${at}]`), `tools[${at}]`);
    if (tool['type'] !== undefined && tool['type'] !== 'custom') {
      throw unsupported(`tools[${at}].type`, 'Only tools of your own can be given.');
    }
    const { name, description, input_schema: parameters, cache_control } = tool;
    return {
      type: 'function',
      function: { name, ...(description ? { description } : {}), parameters },
      ...(cache_control ? { cache_control } : {}),
    };
  });
}

const choices = new Map<unknown, string>([
  ['auto', 'auto'],
  ['any', 'required'],
  ['none', 'none'],
]);

function toolChoiceOf(choice: Fields): Fields {
  const wanted =
    choice['type'] === 'tool'
      ? { type: 'function', function: { name: choice['name'] } }
      : choices.get(choice['type']);
  if (!wanted)
    throw invalid('tool_choice.type', 'tool_choice.type must be auto, any, tool or none.');
  return {
    tool_choice: wanted,
    ...(choice['disable_parallel_tool_use'] === true ? { parallel_tool_calls: false } : {}),
  };
}
