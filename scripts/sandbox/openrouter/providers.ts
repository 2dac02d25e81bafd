/** Who serves the models, and what differs between them on the wire and on the bill. */
export interface Provider {
  name: string;
  slug: string;
  /** Whether hanging up stops the bill. Where it does not, the whole answer is charged. */
  stopsOnAbort: boolean;
  /** Asks half as much again as the listed price, so a bill can differ from the list. */
  dearer: boolean;
  finish: NativeFinish;
  reasoning: ReasoningFormat;
}

export interface NativeFinish {
  stop: string;
  length: string;
  tool_calls: string;
}

export type ReasoningFormat =
  | 'anthropic-claude-v1'
  | 'openai-responses-v1'
  | 'google-gemini-v1'
  | 'xai-responses-v1'
  | 'unknown';

const PLAIN: NativeFinish = { stop: 'stop', length: 'length', tool_calls: 'tool_calls' };
const CLAUDE: NativeFinish = { stop: 'end_turn', length: 'max_tokens', tool_calls: 'tool_use' };
const GEMINI: NativeFinish = { stop: 'STOP', length: 'MAX_TOKENS', tool_calls: 'STOP' };
const RESPONSES: NativeFinish = {
  stop: 'completed',
  length: 'max_output_tokens',
  tool_calls: 'completed',
};

const provider = (
  name: string,
  slug: string,
  stopsOnAbort: boolean,
  finish: NativeFinish = PLAIN,
  reasoning: ReasoningFormat = 'unknown',
): Provider => ({ name, slug, stopsOnAbort, dearer: false, finish, reasoning });

const OPENAI = provider('OpenAI', 'openai', true, RESPONSES, 'openai-responses-v1');
const AZURE = provider('Azure', 'azure', true, PLAIN, 'openai-responses-v1');
const ANTHROPIC = provider('Anthropic', 'anthropic', true, CLAUDE, 'anthropic-claude-v1');
const BEDROCK = provider('Amazon Bedrock', 'amazon-bedrock', false, CLAUDE, 'anthropic-claude-v1');
const VERTEX = provider('Google', 'google-vertex', false, GEMINI, 'google-gemini-v1');
const STUDIO = provider('Google AI Studio', 'google-ai-studio', false, GEMINI, 'google-gemini-v1');
const DEEPINFRA = provider('DeepInfra', 'deepinfra', true);
const TOGETHER = { ...provider('Together', 'together', true), dearer: true };
const SANDBOX = provider('Sandbox', 'sandbox', true);
const SANDBOX_DRAIN = provider('Sandbox Drain', 'sandbox-drain', false);

/** By author, or by one model's id: who serves it, the default first. The rest is open weights. */
const BY_MODEL: Record<string, Provider[]> = {
  openai: [OPENAI, AZURE],
  'openai/gpt-oss-120b': [DEEPINFRA, TOGETHER],
  'openai/gpt-oss-20b': [DEEPINFRA, TOGETHER],
  'openai/gpt-oss-20b:free': [TOGETHER],
  anthropic: [ANTHROPIC, BEDROCK],
  google: [VERTEX, STUDIO],
  minimax: [provider('Minimax', 'minimax', false)],
  mistralai: [provider('Mistral', 'mistral', false)],
  perplexity: [provider('Perplexity', 'perplexity', false)],
  cohere: [provider('Cohere', 'cohere', true)],
  'x-ai': [provider('xAI', 'xai', true, PLAIN, 'xai-responses-v1')],
  amazon: [BEDROCK],
  ai21: [provider('AI21', 'ai21', false)],
  inflection: [provider('Inflection', 'inflection', false)],
  liquid: [provider('Liquid', 'liquid', false)],
  inception: [provider('Inception', 'inception', true)],
  deepseek: [provider('DeepSeek', 'deepseek', true), DEEPINFRA],
  sandbox: [SANDBOX, SANDBOX_DRAIN],
  'sandbox/keeps-billing': [SANDBOX_DRAIN],
};
const OPEN_WEIGHTS = [DEEPINFRA, TOGETHER];

export function providersOf(modelId: string): Provider[] {
  return BY_MODEL[modelId] ?? BY_MODEL[modelId.split('/')[0]!] ?? OPEN_WEIGHTS;
}
