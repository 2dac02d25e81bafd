/** The sandbox's own models: each behaves in one special way, so it can be tried from any client. */
import type { Behaviour } from './behaviour.ts';
import type { Model, Pricing } from './model.ts';

interface SandboxModel {
  slug: string;
  name: string;
  description: string;
  behaviour?: Partial<Behaviour>;
  pricing?: Partial<Pricing>;
}

const AFTER_TEN: Partial<Behaviour> = { afterFrames: 10 };

const OWN: SandboxModel[] = [
  { slug: 'echo', name: 'Echo', description: 'Answers with the last message, word for word.' },
  {
    slug: 'steady',
    name: 'Steady',
    description: 'Fifty pieces of text, five milliseconds apart. Made for measuring.',
    behaviour: {
      delayMs: 0,
      frameMs: 5,
      tokensPerFrame: 1,
      answer: Array.from({ length: 50 }, (_, at) => ` ${100 + at}`).join(''),
    },
  },
  {
    slug: 'fast',
    name: 'Fast',
    description: 'Answers at once, as fast as you read.',
    behaviour: { delayMs: 0, frameMs: 0 },
  },
  {
    slug: 'slow',
    name: 'Slow',
    description: 'Thinks for three seconds, then types one word at a time.',
    behaviour: { delayMs: 3000, frameMs: 250, tokensPerFrame: 1 },
  },
  {
    slug: 'long-5k',
    name: 'Long, 5 kB',
    description: 'Five thousand bytes of rich Markdown.',
    behaviour: { length: 5_000, frameMs: 5, tokensPerFrame: 8 },
  },
  {
    slug: 'long-200k',
    name: 'Long, 200 kB',
    description: 'Two hundred thousand bytes of rich Markdown in about ten seconds.',
    behaviour: { length: 200_000, frameMs: 5, tokensPerFrame: 24 },
  },
  {
    slug: 'keeps-billing',
    name: 'Keeps billing',
    description: 'Its provider charges the whole answer even when you hang up.',
  },
  {
    slug: 'per-request',
    name: 'Priced per request',
    description: 'Costs half a cent for each request, besides its tokens.',
    pricing: { request: '0.005' },
  },
  { slug: 'refuse', name: 'Refuses', description: 'Resets the connection before any header.' },
  { slug: 'drop', name: 'Drops', description: 'Closes the connection before the first byte.' },
  { slug: 'hang', name: 'Hangs', description: 'Never answers anything.' },
  {
    slug: 'hang-after-headers',
    name: 'Hangs after headers',
    description: 'Headers, then silence.',
  },
  {
    slug: 'hang-mid-stream',
    name: 'Hangs mid-stream',
    description: 'Falls silent in the middle of the answer.',
    behaviour: AFTER_TEN,
  },
  {
    slug: 'comments-forever',
    name: 'Comments forever',
    description: 'Keeps the connection alive in the middle of the answer, without ever going on.',
    behaviour: AFTER_TEN,
  },
  {
    slug: 'die-mid-stream',
    name: 'Dies mid-stream',
    description: 'The connection breaks in the middle of the answer.',
    behaviour: AFTER_TEN,
  },
  {
    slug: 'end-early',
    name: 'Ends early',
    description: 'The answer stops in the middle, as if it were complete.',
    behaviour: AFTER_TEN,
  },
  {
    slug: 'error-chunk',
    name: 'Fails mid-stream',
    description: 'Reports an error in the middle of the answer.',
    behaviour: AFTER_TEN,
  },
  { slug: 'no-usage', name: 'No usage', description: 'Forgets to say what the answer cost.' },
  { slug: 'usage-twice', name: 'Usage twice', description: 'Says twice what the answer cost.' },
  { slug: 'no-done', name: 'No [DONE]', description: 'Leaves out the end mark of the stream.' },
  { slug: 'duplicate-finish', name: 'Finishes twice', description: 'Says twice why it stopped.' },
  { slug: 'empty', name: 'Empty', description: 'Answers nothing and gives no reason.' },
  { slug: 'billed-more', name: 'Bills more', description: 'The final bill exceeds what it said.' },
  { slug: 'no-generation', name: 'No record', description: 'Leaves no generation record.' },
  { slug: 'html', name: 'HTML', description: 'Answers with a web page and status 200.' },
  { slug: 'broken-json', name: 'Broken JSON', description: 'One frame of the stream is cut off.' },
  { slug: 'split-utf8', name: 'Split UTF-8', description: 'Frames are cut inside characters.' },
  { slug: 'crlf', name: 'CR LF', description: 'Ends its lines with CR LF.' },
  { slug: 'no-space', name: 'No space', description: 'Leaves out the space after `data:`.' },
  { slug: 'multi-line-data', name: 'Multi-line data', description: 'Spreads frames over lines.' },
  { slug: 'huge-frame', name: 'Huge frame', description: 'One frame carries a megabyte.' },
  {
    slug: 'rate-limited',
    name: 'Rate-limited',
    description: 'Always busy; asks to come back in two seconds.',
    behaviour: { retryAfter: 2 },
  },
  {
    slug: 'flaky',
    name: 'Flaky',
    description: 'Overloaded twice for each prompt, then answers.',
    behaviour: { fault: 'unavailable', failFirst: 2 },
  },
  {
    slug: 'out-of-credits',
    name: 'Out of credits',
    description: 'The account behind it is empty.',
  },
  { slug: 'moderated', name: 'Moderated', description: 'Flags every prompt.' },
  { slug: 'timeout', name: 'Times out', description: 'Takes too long and says so.' },
  { slug: 'server-error', name: 'Server error', description: 'Fails with status 500.' },
  { slug: 'bad-gateway', name: 'Bad gateway', description: 'Its provider is down: status 502.' },
  { slug: 'unavailable', name: 'Unavailable', description: 'No provider is free: status 503.' },
];

/** Models whose slug is not itself the name of a fault. */
const WELL_BEHAVED = new Set([
  'echo',
  'steady',
  'fast',
  'slow',
  'long-5k',
  'long-200k',
  'keeps-billing',
  'per-request',
  'flaky',
]);

export const SANDBOX_BEHAVIOURS: ReadonlyMap<string, Partial<Behaviour>> = new Map(
  OWN.map(({ slug, behaviour }) => [
    `sandbox/${slug}`,
    WELL_BEHAVED.has(slug)
      ? { ...behaviour }
      : ({ fault: slug, ...behaviour } as Partial<Behaviour>),
  ]),
);

export const SANDBOX_MODELS: readonly Model[] = OWN.map(({ slug, name, description, pricing }) => ({
  id: `sandbox/${slug}`,
  canonical_slug: `sandbox/${slug}`,
  hugging_face_id: null,
  name: `Sandbox: ${name}`,
  created: 1_763_596_800,
  description: `${description} Exists in the sandbox only.`,
  context_length: 1_000_000,
  architecture: {
    modality: 'text+image->text',
    input_modalities: ['text', 'image'],
    output_modalities: ['text'],
    tokenizer: 'Other',
    instruct_type: null,
  },
  pricing: { prompt: '0.000001', completion: '0.000002', ...pricing },
  top_provider: { context_length: 1_000_000, max_completion_tokens: 500_000, is_moderated: false },
  per_request_limits: null,
  supported_parameters: [
    'include_reasoning',
    'logprobs',
    'max_tokens',
    'reasoning',
    'response_format',
    'seed',
    'stop',
    'structured_outputs',
    'tool_choice',
    'tools',
    'top_logprobs',
  ],
  default_parameters: {},
  knowledge_cutoff: null,
  expiration_date: null,
}));
