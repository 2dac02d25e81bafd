import { type Fields, isFields } from './fields.ts';

/** An answer put together from its frames. */
export interface Completion {
  choices: Choice[];
  /** What the frames said beside their choices, such as the fingerprint of the system. */
  extras: Fields;
}

export interface Choice {
  index: number;
  message: Fields;
  finish_reason: string | null;
  extras: Fields;
  logprobs: Fields | null;
}

const ofEveryFrame = new Set(['id', 'object', 'created', 'model', 'choices', 'usage', 'error']);
const ofEveryChoice = new Set(['index', 'delta', 'finish_reason', 'logprobs']);

export type Collecting = ReturnType<typeof createCompletion>;

export function createCompletion() {
  const choices: Choice[] = [];
  const extras: Fields = {};
  let size = 0;

  function add(chunk: Fields): void {
    copyOthers(chunk, ofEveryFrame, extras);
    for (const [at, one] of arrayOf(chunk['choices']).entries()) {
      if (!isFields(one)) continue;
      const index = typeof one['index'] === 'number' ? one['index'] : at;
      const choice = choiceAt(index);
      size += charsOf(one['delta']) + charsOf(one['logprobs']);
      if (isFields(one['delta'])) addDelta(choice.message, one['delta']);
      if (typeof one['finish_reason'] === 'string') choice.finish_reason = one['finish_reason'];
      if (isFields(one['logprobs'])) choice.logprobs = addLists(choice.logprobs, one['logprobs']);
      copyOthers(one, ofEveryChoice, choice.extras);
    }
  }

  function choiceAt(index: number): Choice {
    const known = choices.find((choice) => choice.index === index);
    if (known) return known;
    const message = { role: 'assistant', content: null, refusal: null };
    const made: Choice = { index, message, finish_reason: null, extras: {}, logprobs: null };
    choices.push(made);
    return made;
  }

  return {
    add,
    /** Of how many characters it is by now. */
    size: () => size,
    /** Nothing more comes, because it is too much or too late: what has not ended ended by its length. */
    cut() {
      for (const choice of choices) choice.finish_reason ??= 'length';
    },
    /** There is no room for it: nothing of it stays in memory. */
    drop() {
      choices.length = 0;
    },
    whole(): Completion {
      return { choices: choices.toSorted((one, other) => one.index - other.index), extras };
    },
  };
}

/** About as many as there will be of it in the end. */
function charsOf(value: unknown): number {
  if (!isFields(value)) return 0;
  return Object.values(value).reduce<number>(
    (sum, one) => sum + (typeof one === 'string' ? one : (JSON.stringify(one) ?? '')).length,
    0,
  );
}

function copyOthers(from: Fields, except: Set<string>, to: Fields): void {
  for (const [name, value] of Object.entries(from)) {
    if (!except.has(name) && value !== null && value !== undefined) to[name] = value;
  }
}

/** Texts grow, lists grow, calls of tools grow at their place; everything else is told once. */
function addDelta(message: Fields, delta: Fields): void {
  for (const [name, value] of Object.entries(delta)) {
    if (value === null || value === undefined || name === 'role') continue;
    if (name === 'tool_calls') message[name] = addCalls(arrayOf(message[name]), arrayOf(value));
    else if (name === 'reasoning_details') {
      message[name] = addDetails(arrayOf(message[name]), arrayOf(value));
    } else if (typeof value === 'string') message[name] = ((message[name] as string) ?? '') + value;
    else if (Array.isArray(value)) message[name] = grow(message[name], value);
    else message[name] = value;
  }
  // A call of a tool comes with empty text that nobody meant to say.
  if (message['content'] === '' && arrayOf(message['tool_calls']).length > 0) {
    message['content'] = null;
  }
}

function addCalls(calls: unknown[], deltas: unknown[]): unknown[] {
  const grown = calls as (Fields & { function: Fields })[];
  for (const delta of deltas) {
    if (!isFields(delta)) continue;
    const { index, function: called, ...rest } = delta;
    const at = typeof index === 'number' && index >= 0 && index < 1000 ? index : grown.length;
    const call = (grown[at] ??= { type: 'function', function: { name: '', arguments: '' } });
    copyOthers(rest, new Set(), call);
    if (!isFields(called)) continue;
    if (typeof called['name'] === 'string' && called['name'] !== '') {
      call.function['name'] = called['name'];
    }
    if (typeof called['arguments'] === 'string') {
      call.function['arguments'] += called['arguments'] as never;
    }
  }
  return grown.filter(Boolean);
}

const grows = new Set(['text', 'summary', 'data']);

/** Pieces of one thought come with the same place and type; a signature closes it. */
function addDetails(details: unknown[], deltas: unknown[]): unknown[] {
  const grown = details as Fields[];
  for (const delta of deltas) {
    if (!isFields(delta)) continue;
    const last = grown.at(-1);
    const isSame = last?.['type'] === delta['type'] && last?.['index'] === delta['index'];
    if (!last || !isSame) {
      grown.push({ ...delta });
      continue;
    }
    for (const [name, value] of Object.entries(delta)) {
      if (grows.has(name) && typeof value === 'string') {
        last[name] = ((last[name] as string) ?? '') + value;
      } else if (value !== null && value !== undefined) last[name] = value;
    }
  }
  return grown;
}

function addLists(lists: Fields | null, more: Fields): Fields {
  const grown: Fields = lists ?? {};
  for (const [name, value] of Object.entries(more)) {
    grown[name] = Array.isArray(value) ? grow(grown[name], value) : (grown[name] ?? value);
  }
  return grown;
}

/** In place: to copy what there is with every frame would cost a long answer its square. */
function grow(list: unknown, more: unknown[]): unknown[] {
  const grown = arrayOf(list);
  for (const one of more) grown.push(one);
  return grown;
}

function arrayOf(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [];
}
