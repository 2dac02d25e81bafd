// What goes in and out of the API, in JSON Schema as OpenAPI 3.1 has it; openapi.ts says where.

export type Schema = Record<string, unknown>;

export const text = { type: 'string' };
const maybeText = { type: ['string', 'null'] };
const number = { type: 'number' };
const maybeNumber = { type: ['number', 'null'] };
const whole = { type: 'integer' };
const flag = { type: 'boolean' };
const anything = {};
const positive = { type: 'integer', minimum: 1 };

const listOf = (items: Schema, more: Schema = {}) => ({ type: 'array', items, ...more });
const oneOf = (...values: (string | null)[]) => ({ enum: values });
const either = (...schemas: Schema[]) => ({ anyOf: schemas });
export const ref = (name: string) => ({ $ref: `#/components/schemas/${name}` });

/** All of them required but those whose names end with a question mark. */
function object(properties: Record<string, Schema>, more: Schema = {}): Schema {
  const entries = Object.entries(properties);
  return {
    type: 'object',
    properties: Object.fromEntries(entries.map(([name, one]) => [name.replace('?', ''), one])),
    required: entries.map(([name]) => name).filter((name) => !name.endsWith('?')),
    ...more,
  };
}

const cost = {
  cost: {
    ...maybeNumber,
    description: 'What the call cost, in US dollars; null while it is being asked upstream.',
  },
  cost_credits: { ...maybeNumber, description: 'The same in credits; a credit is 0.001 dollars.' },
  cost_label: oneOf('reported', 'reconciled', 'estimated', 'none', 'reconciling'),
};
const limits = {
  'max_tokens?': { ...whole, description: 'How long the answer was allowed to be.' },
  'is_clamped?': {
    ...flag,
    description: 'Whether that is less than was asked for, because of money or limits.',
  },
};

export const schemas: Record<string, Schema> = {
  Error: object({
    error: object({
      message: text,
      type: text,
      param: maybeText,
      code: { ...maybeText, description: 'Stable; see the list of codes.' },
      request_id: text,
    }),
  }),
  AnthropicError: object({
    type: oneOf('error'),
    error: object({ type: text, message: text, code: maybeText, param: maybeText }),
    request_id: text,
  }),
  ContentPart: {
    oneOf: [
      object({ type: oneOf('text'), text }),
      object({ type: oneOf('refusal'), refusal: text }),
      object({
        type: oneOf('image_url'),
        image_url: object({
          url: {
            ...text,
            description:
              'An http address, passed on and never fetched here, or a data URL of an image.',
          },
          'detail?': text,
        }),
      }),
      object({ type: oneOf('input_audio'), input_audio: { type: 'object' } }),
    ],
  },
  ToolCall: object({
    'index?': whole,
    'id?': text,
    'type?': text,
    function: object({ 'name?': text, 'arguments?': text }),
  }),
  Message: object({
    role: oneOf('system', 'developer', 'user', 'assistant', 'tool', 'function'),
    'content?': either(maybeText, listOf(ref('ContentPart'))),
    'tool_calls?': listOf(ref('ToolCall')),
    'tool_call_id?': text,
    'name?': text,
  }),
  Tool: object({
    type: oneOf('function'),
    function: object({
      name: text,
      'description?': text,
      'parameters?': { type: 'object' },
      'strict?': { type: ['boolean', 'null'] },
    }),
  }),
  ChatRequest: object(
    {
      'model?': {
        ...text,
        description:
          'The id of a model, or oneai/auto, oneai/auto-fast, oneai/auto-best, oneai/auto-code.',
      },
      'models?': listOf(text, {
        maxItems: 10,
        description: 'What to fall back to, in this order.',
      }),
      messages: listOf(ref('Message'), { minItems: 1, maxItems: 10_000 }),
      'stream?': { type: ['boolean', 'null'] },
      'stream_options?': either({ type: 'null' }, object({ 'include_usage?': flag })),
      'max_tokens?': { type: ['integer', 'null'], minimum: 1 },
      'max_completion_tokens?': { type: ['integer', 'null'], minimum: 1 },
      'n?': { type: ['integer', 'null'], minimum: 1, maximum: 8 },
      'stop?': either(maybeText, listOf(text, { maxItems: 16 })),
      'temperature?': { type: ['number', 'null'], minimum: 0, maximum: 2 },
      'top_p?': { type: ['number', 'null'], minimum: 0, maximum: 1 },
      'presence_penalty?': { type: ['number', 'null'], minimum: -2, maximum: 2 },
      'frequency_penalty?': { type: ['number', 'null'], minimum: -2, maximum: 2 },
      'seed?': { type: ['integer', 'null'] },
      'logprobs?': { type: ['boolean', 'null'] },
      'top_logprobs?': { type: ['integer', 'null'], minimum: 0, maximum: 20 },
      'tools?': listOf(ref('Tool'), { maxItems: 512 }),
      'tool_choice?': either(text, { type: 'object' }),
      'parallel_tool_calls?': flag,
      'response_format?': object({ type: text, 'json_schema?': { type: 'object' } }),
      'reasoning?': { type: 'object' },
      'reasoning_effort?': text,
      'provider?': {
        type: 'object',
        description:
          'order, only, ignore, sort, quantizations, allow_fallbacks, require_parameters, data_collection and zdr are passed on.',
      },
    },
    {
      description:
        'Other parameters are passed on to the model. Those that would cost money beyond what was set aside are refused or left out; a header names the ones left out.',
    },
  ),
  Usage: object({
    prompt_tokens: whole,
    completion_tokens: whole,
    total_tokens: whole,
    'prompt_tokens_details?': { type: ['object', 'null'] },
    'completion_tokens_details?': { type: ['object', 'null'] },
    ...cost,
    ...limits,
  }),
  ChatCompletion: object({
    id: { ...text, pattern: '^chatcmpl-' },
    object: oneOf('chat.completion'),
    created: whole,
    model: text,
    choices: listOf(
      object({
        index: whole,
        message: object({
          role: oneOf('assistant'),
          content: maybeText,
          refusal: maybeText,
          'reasoning?': maybeText,
          'tool_calls?': listOf(
            object({
              id: text,
              type: oneOf('function'),
              function: object({ name: text, arguments: text }),
            }),
          ),
        }),
        finish_reason: maybeText,
        logprobs: { type: ['object', 'null'] },
      }),
      { minItems: 1 },
    ),
    usage: either(ref('Usage'), { type: 'null' }),
  }),
  ChatChunk: either(
    object({
      id: { ...text, pattern: '^chatcmpl-' },
      object: oneOf('chat.completion.chunk'),
      created: whole,
      model: text,
      choices: listOf(
        object({
          index: whole,
          delta: object({
            'role?': text,
            'content?': maybeText,
            'tool_calls?': listOf(ref('ToolCall')),
          }),
          'finish_reason?': maybeText,
          'logprobs?': { type: ['object', 'null'] },
        }),
      ),
      'usage?': either(ref('Usage'), { type: 'null' }),
    }),
    ref('Error'),
  ),
  EmbeddingsRequest: object({
    model: text,
    input: either(
      text,
      listOf(either(text, whole, listOf(whole)), { minItems: 1, maxItems: 2048 }),
    ),
    'dimensions?': positive,
    'encoding_format?': oneOf('float', 'base64'),
  }),
  Embeddings: object({
    object: oneOf('list'),
    id: text,
    model: text,
    data: listOf(
      object({ object: oneOf('embedding'), index: whole, embedding: either(listOf(number), text) }),
    ),
    usage: object({ prompt_tokens: whole, total_tokens: whole, ...cost }),
  }),
  Model: object({
    id: text,
    object: oneOf('model'),
    created: whole,
    owned_by: text,
    name: text,
    description: text,
    context_length: { type: ['integer', 'null'] },
    max_output_tokens: { type: ['integer', 'null'] },
    input_modalities: { type: ['array', 'null'], items: text },
    output_modalities: { type: ['array', 'null'], items: text },
    supported_parameters: { type: ['array', 'null'], items: text },
    pricing: either(
      { type: 'null' },
      object({
        prompt: text,
        completion: text,
        input_cache_read: text,
        image: text,
        request: text,
      }),
    ),
  }),
  Models: object({ object: oneOf('list'), data: listOf(ref('Model')) }),
  Key: object({
    data: object({
      id: text,
      label: text,
      prefix: text,
      scopes: listOf(oneOf('completions', 'embeddings', 'read')),
      allowed_models: listOf(text),
      plan: text,
      limit: maybeNumber,
      limit_remaining: maybeNumber,
      limit_reset: maybeText,
      usage: number,
      usage_daily: number,
      usage_monthly: number,
      requests: whole,
      budgets: listOf(
        object({
          subject: oneOf('key', 'member'),
          period: oneOf('day', 'month', 'total'),
          limit_credits: number,
          spent_credits: number,
          held_credits: number,
          resets_at: maybeText,
        }),
      ),
      rate_limits: { type: 'object' },
      expires_at: maybeText,
      previous_key_until: maybeText,
      last_used_at: maybeText,
      created_at: text,
    }),
  }),
  Credits: object({
    data: object({
      total_credits: { ...number, description: 'The balance and total_usage together.' },
      total_usage: {
        ...number,
        description:
          "Dollars ever used: by all of the account if the key's maker manages it, otherwise by them alone.",
      },
      balance_credits: number,
      held_credits: number,
      available_credits: number,
      usd_per_credit: number,
    }),
  }),
  Generation: object({
    data: object({
      id: text,
      request_id: maybeText,
      key_id: maybeText,
      model: text,
      requested_model: text,
      route_reason: maybeText,
      attempts: listOf({ type: 'object' }),
      outcome: oneOf('completed', 'stopped', 'failed', 'expired'),
      finish_reason: maybeText,
      error_code: maybeText,
      total_cost: number,
      total_cost_credits: number,
      hold_credits: number,
      cost_label: cost.cost_label,
      price_version_id: whole,
      transaction_id: { type: ['integer', 'null'] },
      tokens_prompt: { type: ['integer', 'null'] },
      tokens_completion: { type: ['integer', 'null'] },
      tokens_cached: { type: ['integer', 'null'] },
      tokens_cache_write: { type: ['integer', 'null'] },
      tokens_reasoning: { type: ['integer', 'null'] },
      tokens_audio: { type: ['integer', 'null'] },
      images: { type: ['integer', 'null'] },
      searches: { type: ['integer', 'null'] },
      latency: { type: ['integer', 'null'], description: 'Milliseconds to the first token.' },
      generation_time: whole,
      created_at: text,
      finished_at: text,
    }),
  }),
  ResponsesRequest: object(
    {
      'model?': text,
      'models?': listOf(text, { maxItems: 10 }),
      input: either(text, listOf({ type: 'object' }, { minItems: 1 })),
      'instructions?': maybeText,
      'max_output_tokens?': { type: ['integer', 'null'], minimum: 1 },
      'stream?': { type: ['boolean', 'null'] },
      'tools?': listOf(
        object({
          type: oneOf('function'),
          name: text,
          'parameters?': { type: ['object', 'null'] },
        }),
      ),
      'tool_choice?': either(text, { type: 'object' }),
      'text?': { type: 'object' },
      'reasoning?': { type: ['object', 'null'] },
      'temperature?': maybeNumber,
      'top_p?': maybeNumber,
    },
    {
      description:
        'Nothing is kept between requests: previous_response_id, conversation and background are refused.',
    },
  ),
  Response: object({
    id: { ...text, pattern: '^resp_' },
    object: oneOf('response'),
    created_at: whole,
    status: oneOf('completed', 'incomplete', 'in_progress'),
    model: text,
    output: listOf({
      anyOf: [
        object({
          id: text,
          type: oneOf('message'),
          role: oneOf('assistant'),
          status: text,
          content: listOf(
            either(
              object({ type: oneOf('output_text'), text, annotations: listOf(anything) }),
              object({ type: oneOf('refusal'), refusal: text }),
            ),
          ),
        }),
        object({
          id: text,
          type: oneOf('function_call'),
          call_id: text,
          name: text,
          arguments: text,
          status: text,
        }),
        object({
          id: text,
          type: oneOf('reasoning'),
          summary: listOf(object({ type: oneOf('summary_text'), text })),
        }),
      ],
    }),
    error: { type: ['object', 'null'] },
    incomplete_details: { type: ['object', 'null'] },
    usage: either(
      { type: 'null' },
      object({
        input_tokens: whole,
        input_tokens_details: object({ cached_tokens: whole }),
        output_tokens: whole,
        output_tokens_details: object({ reasoning_tokens: whole }),
        total_tokens: whole,
        ...cost,
        ...limits,
      }),
    ),
  }),
  ResponseEvent: object({
    type: { ...text, pattern: '^(response\\.|error$)' },
    sequence_number: whole,
    'response?': ref('Response'),
    'delta?': text,
  }),
  MessagesRequest: object({
    'model?': text,
    'models?': listOf(text, { maxItems: 10 }),
    max_tokens: positive,
    messages: listOf(
      object({
        role: oneOf('user', 'assistant'),
        content: either(text, listOf({ type: 'object' })),
      }),
      { minItems: 1 },
    ),
    'system?': either(text, listOf({ type: 'object' })),
    'stop_sequences?': listOf(text, { maxItems: 16 }),
    'stream?': flag,
    'tools?': listOf(
      object({ name: text, input_schema: { type: 'object' }, 'description?': text }),
    ),
    'tool_choice?': object({ type: oneOf('auto', 'any', 'tool', 'none') }),
    'thinking?': object({ type: text }),
    'output_config?': object({ 'effort?': text, 'format?': { type: 'object' } }),
    'temperature?': number,
  }),
  AnthropicUsage: object({
    input_tokens: whole,
    output_tokens: whole,
    'cache_read_input_tokens?': whole,
    'cache_creation_input_tokens?': whole,
    'cost?': cost.cost,
    'cost_credits?': cost.cost_credits,
    'cost_label?': cost.cost_label,
    ...limits,
  }),
  AnthropicMessage: object({
    id: { ...text, pattern: '^msg_' },
    type: oneOf('message'),
    role: oneOf('assistant'),
    model: text,
    content: listOf({
      anyOf: [
        object({ type: oneOf('text'), text }),
        object({ type: oneOf('thinking'), thinking: text, signature: text }),
        object({ type: oneOf('tool_use'), id: text, name: text, input: { type: 'object' } }),
      ],
    }),
    stop_reason: maybeText,
    stop_sequence: maybeText,
    usage: ref('AnthropicUsage'),
  }),
  MessageEvent: either(
    object({ type: oneOf('message_start'), message: ref('AnthropicMessage') }),
    object({
      type: oneOf('content_block_start'),
      index: whole,
      content_block: object({ type: text }),
    }),
    object({ type: oneOf('content_block_delta'), index: whole, delta: object({ type: text }) }),
    object({ type: oneOf('content_block_stop'), index: whole }),
    object({
      type: oneOf('message_delta'),
      delta: object({ stop_reason: maybeText }),
      usage: ref('AnthropicUsage'),
    }),
    object({ type: oneOf('message_stop', 'ping') }),
    ref('AnthropicError'),
  ),
};
