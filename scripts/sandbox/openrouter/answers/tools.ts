/** Decides which tools to call, and answers once their results are in. */
import type { ChatRequest, Tool } from '../chat-request.ts';
import { gatherMaterial, valueFor } from './json-value.ts';

export interface ToolCall {
  name: string;
  arguments: string;
}

/** The calls to make before answering; none when the prompt has no use for the tools. */
export function chooseToolCalls(request: ChatRequest, prompt: string): ToolCall[] {
  const { tools, toolChoice } = request;
  const last = request.messages.at(-1)!;
  if (tools.length === 0 || toolChoice === 'none' || last.role === 'tool') return [];

  if (typeof toolChoice === 'object') {
    const named = tools.find(({ name }) => name === toolChoice.name);
    return named ? [call(named, prompt)] : [];
  }
  const useful = tools.filter((tool) => isUseful(tool, prompt));
  const chosen = useful.length === 0 && toolChoice === 'required' ? tools.slice(0, 1) : useful;
  const calls = chosen.flatMap((tool) => callsOf(tool, prompt, chosen.length === 1));
  return request.parallelTools ? calls.slice(0, 8) : calls.slice(0, 1);
}

export function answerToolResults(request: ChatRequest): string {
  const { messages } = request;
  const start = messages.findLastIndex(({ role }) => role !== 'tool') + 1;
  const calls = messages[start - 1]?.toolCalls ?? [];
  const rows = messages.slice(start).map(({ text }, at) => {
    const shown = text.replace(/\s+/g, ' ').replaceAll('|', '\\|').slice(0, 200).toWellFormed();
    return `| \`${calls[at]?.name ?? 'tool'}\` | ${shown} |`;
  });
  return `The tools have answered:

| tool | result |
| :-- | :-- |
${rows.join('\n')}

That is all I needed. Is there anything else you would like to look up?`;
}

/** A lone tool with one required text is called once for each name joined by “and” or commas. */
function callsOf(tool: Tool, prompt: string, alone: boolean): ToolCall[] {
  const { names } = gatherMaterial(prompt);
  const joined = names.length > 1 && /\band\b|,/.test(prompt);
  const { required, properties } = tool.parameters as {
    required?: string[];
    properties?: Record<string, { type?: string }>;
  };
  const texts = (required ?? []).filter((key) => properties?.[key]?.type === 'string');
  if (!alone || !joined || texts.length !== 1) return [call(tool, prompt)];
  return names.map((name) => call(tool, prompt, name));
}

function call(tool: Tool, prompt: string, name?: string): ToolCall {
  const material = gatherMaterial(prompt);
  if (name !== undefined) material.names = [name];
  return { name: tool.name, arguments: JSON.stringify(valueFor(tool.parameters, material)) };
}

function isUseful(tool: Tool, prompt: string): boolean {
  const said = new Set(words(prompt));
  return words(`${tool.name} ${tool.description}`).some((word) => said.has(word));
}

function words(text: string): string[] {
  const parts =
    text
      .replace(/([a-z])([A-Z])/g, '$1 $2')
      .toLowerCase()
      .match(/[a-z]{3,}/g) ?? [];
  return parts.filter((word) => !COMMON.has(word)).map((word) => word.replace(/s$/, ''));
}

const COMMON = new Set(
  (
    'the and for with get set from that this what how are you can use has have given return returns ' +
    'information about tool function call please two one number numbers name value data user current'
  ).split(' '),
);
