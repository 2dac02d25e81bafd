/** What a run needs to know of a frame; the frame itself goes on as it came. */
export interface FrameFacts {
  /** `blank` carries nothing, such as a comment; `broken` is data that cannot be read. */
  kind: 'blank' | 'chunk' | 'end' | 'broken';
  model?: string;
  provider?: string;
  generationId?: string;
  /** Text of the first choice. */
  content: string;
  reasoning: string;
  /** Whether it carries anything a caller asked for: text, a tool call, a picture. */
  hasOutput: boolean;
  finishReason?: string;
  usage?: Usage;
  error?: { status: number | undefined; message: string };
}

/** In the words of the database's reports. */
export interface Usage {
  used: Record<string, number>;
  upstreamUsd: string | undefined;
}

type Fields = Record<string, unknown>;

const decoder = new TextDecoder();
const usualStart = 'data: {';

export function readFrame(frame: Uint8Array): FrameFacts {
  const data = dataOf(decoder.decode(frame));
  if (data === '') return nothing('blank');
  if (data === '[DONE]') return nothing('end');
  try {
    const chunk: unknown = JSON.parse(data);
    return isFields(chunk) ? readChunk(chunk) : nothing('broken');
  } catch {
    return nothing('broken');
  }
}

function nothing(kind: FrameFacts['kind']): FrameFacts {
  return { kind, content: '', reasoning: '', hasOutput: false };
}

/** The lines of data of one frame, joined as the event-stream standard says. */
export function dataOf(text: string): string {
  if (text.startsWith(usualStart) && text.indexOf('\n') === text.length - 2) return text.slice(6);
  return text
    .split(/\r\n|\r|\n/)
    .filter((line) => line.startsWith('data:'))
    .map((line) => line.slice(line[5] === ' ' ? 6 : 5))
    .join('\n');
}

function readChunk(chunk: Fields): FrameFacts {
  const facts = nothing('chunk');
  if (typeof chunk['id'] === 'string') facts.generationId = chunk['id'];
  if (typeof chunk['model'] === 'string') facts.model = chunk['model'];
  if (typeof chunk['provider'] === 'string') facts.provider = chunk['provider'];
  if (isFields(chunk['usage'])) facts.usage = readUsage(chunk['usage']);
  if (chunk['error'] !== undefined && chunk['error'] !== null) {
    facts.error = readError(chunk['error']);
  }
  const choices = Array.isArray(chunk['choices']) ? chunk['choices'] : [];
  for (const [at, choice] of choices.entries()) {
    if (!isFields(choice)) continue;
    const delta = isFields(choice['delta']) ? choice['delta'] : {};
    if (hasOutput(delta)) facts.hasOutput = true;
    if (typeof choice['finish_reason'] === 'string') facts.finishReason = choice['finish_reason'];
    if ((choice['index'] ?? at) !== 0) continue;
    if (typeof delta['content'] === 'string') facts.content += delta['content'];
    if (typeof delta['reasoning'] === 'string') facts.reasoning += delta['reasoning'];
  }
  return facts;
}

const outputs = ['content', 'reasoning', 'tool_calls', 'images', 'audio', 'refusal'];

function hasOutput(delta: Fields): boolean {
  return outputs.some((name) => {
    const value = delta[name];
    return Array.isArray(value) ? value.length > 0 : Boolean(value);
  });
}

function readError(error: unknown): { status: number | undefined; message: string } {
  const { code, message } = isFields(error) ? error : {};
  return {
    status: typeof code === 'number' ? code : undefined,
    message: typeof message === 'string' ? message : 'unknown',
  };
}

export function readUsage(usage: Fields): Usage {
  const prompt = isFields(usage['prompt_tokens_details']) ? usage['prompt_tokens_details'] : {};
  const completion = isFields(usage['completion_tokens_details'])
    ? usage['completion_tokens_details']
    : {};
  const tools = isFields(usage['server_tool_use']) ? usage['server_tool_use'] : {};
  const counts = {
    prompt_tokens: usage['prompt_tokens'],
    completion_tokens: usage['completion_tokens'],
    cache_read_tokens: prompt['cached_tokens'],
    cache_write_tokens: prompt['cache_write_tokens'],
    audio_tokens: prompt['audio_tokens'],
    reasoning_tokens: completion['reasoning_tokens'],
    searches: tools['web_search_requests'],
  };
  const { cost } = usage;
  return {
    used: Object.fromEntries(
      Object.entries(counts).filter(
        (entry): entry is [string, number] => typeof entry[1] === 'number',
      ),
    ),
    upstreamUsd: typeof cost === 'number' ? String(cost) : undefined,
  };
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
