// The description of the API: served at /v1/openapi.json, shown by the reference pages, and held
// against every request and answer of the tests.
import { ref, type Schema, schemas, text } from './openapi-schemas.ts';

const json = (schema: Schema) => ({ content: { 'application/json': { schema } } });

/** What may be told of any answer, in its headers. */
const headers = Object.fromEntries(
  Object.entries({
    'x-request-id': 'The id of the request; it stands on the receipt.',
    'request-id': "The same under /messages, where Anthropic's SDKs look for it.",
    'x-oneai-run-id': 'The id of the call, for /v1/generation.',
    'x-oneai-models': 'The models the call may use, the wanted one first.',
    'x-oneai-route-reason': 'Why a preset chose as it did.',
    'x-oneai-hold-credits': 'What was set aside: the most the call can cost.',
    'x-oneai-max-tokens': 'How long the answer may be.',
    'x-oneai-clamped': 'Whether that is less than was asked for.',
    'x-oneai-ignored': 'Parameters that were left out.',
    ratelimit: 'What is left of each window.',
    'ratelimit-policy': 'The windows and what they allow.',
    'x-ratelimit-limit-requests': 'Requests allowed in the minute, hour or day that ends first.',
    'x-ratelimit-remaining-requests': 'Requests left in it.',
    'x-ratelimit-reset-requests': 'When it is full again.',
    'retry-after': 'In how many seconds asking again may help.',
    'idempotent-replayed': 'That this is the answer of an earlier request.',
  }).map(([name, description]) => [name, { description, schema: text }]),
);

function failing(schema: Schema) {
  return { default: { description: 'It was refused, or it failed.', headers, ...json(schema) } };
}

interface Post {
  summary: string;
  request: string;
  answer: string;
  event?: string;
  error?: string;
}

const idempotencyKey = {
  name: 'Idempotency-Key',
  in: 'header',
  schema: { ...text, maxLength: 255 },
  description:
    'Kept for 24 hours: the same request under the same key joins the running call or gets its answer again; another one is refused with 409.',
};

function post({ summary, request, answer, event, error = 'Error' }: Post) {
  return {
    post: {
      summary,
      ...(event ? { parameters: [idempotencyKey] } : {}),
      requestBody: { required: true, ...json(ref(request)) },
      responses: {
        200: {
          description:
            'The answer, in one piece or as a stream of events. One in one piece is cut after 140 seconds or 16 MB, and ends as if it had reached its length.',
          headers,
          content: {
            'application/json': { schema: ref(answer) },
            ...(event ? { 'text/event-stream': { schema: ref(event) } } : {}),
          },
        },
        ...failing(ref(error)),
      },
    },
  };
}

interface Parameter {
  name: string;
  in: string;
  required?: boolean;
  description?: string;
  schema: Schema;
}

function get(summary: string, answer: Schema, parameters: Parameter[] = []) {
  const ok = { description: summary, headers, ...json(answer) };
  return { get: { summary, parameters, responses: { 200: ok, ...failing(ref('Error')) } } };
}

const inPath = { name: 'id', in: 'path', required: true, schema: text };
const inQuery = { name: 'id', in: 'query', required: true, schema: text };

export const openApi = {
  openapi: '3.1.0',
  info: {
    title: 'OneAI API',
    version: '1',
    description:
      'Every model of one account, in the formats of OpenAI and of Anthropic. A call is charged at most what was set aside for it, and nothing when it gives nothing.',
  },
  servers: [{ url: '/functions/v1/gateway/v1' }],
  security: [{ bearer: [] }, { named: [] }],
  paths: {
    '/chat/completions': post({
      summary: 'Answer a conversation',
      request: 'ChatRequest',
      answer: 'ChatCompletion',
      event: 'ChatChunk',
    }),
    '/responses': post({
      summary: "Answer in the format of OpenAI's responses",
      request: 'ResponsesRequest',
      answer: 'Response',
      event: 'ResponseEvent',
    }),
    '/messages': post({
      summary: "Answer in the format of Anthropic's messages",
      request: 'MessagesRequest',
      answer: 'AnthropicMessage',
      event: 'MessageEvent',
      error: 'AnthropicError',
    }),
    '/embeddings': post({
      summary: 'Turn texts into vectors',
      request: 'EmbeddingsRequest',
      answer: 'Embeddings',
    }),
    '/models': get('The models this key can call', ref('Models')),
    '/models/{id}': get('One model; its id contains slashes', ref('Model'), [inPath]),
    '/key': get('This key: its limits, budgets and usage', ref('Key')),
    '/credits': get('What the account has', ref('Credits')),
    '/generation': get('The receipt of a call', ref('Generation'), [inQuery]),
    '/openapi.json': { get: { ...get('This document', { type: 'object' }).get, security: [] } },
  },
  components: {
    schemas,
    securitySchemes: {
      bearer: { type: 'http', scheme: 'bearer', description: 'A key of the account.' },
      named: { type: 'apiKey', in: 'header', name: 'x-api-key' },
    },
  },
};
