import type { Call } from '#lib/snippets/call-snippets.ts';

/** What of JSON Schema the document uses. */
interface Schema {
  $ref?: string;
  type?: string | string[];
  enum?: unknown[];
  anyOf?: Schema[];
  oneOf?: Schema[];
  items?: Schema;
  properties?: Record<string, Schema>;
  required?: string[];
  description?: string;
  minimum?: number;
  maximum?: number;
  minItems?: number;
  maxItems?: number;
  maxLength?: number;
  pattern?: string;
}

interface Body {
  content?: Record<string, { schema?: Schema }>;
}

interface Operation {
  summary?: string;
  security?: unknown[];
  parameters?: {
    name: string;
    in: string;
    required?: boolean;
    description?: string;
    schema?: Schema;
  }[];
  requestBody?: Body;
  responses?: Record<string, Body & { headers?: Record<string, { description?: string }> }>;
}

export interface Specification {
  info: { title: string; version: string; description?: string };
  servers: { url: string }[];
  paths: Record<string, { get?: Operation; post?: Operation }>;
  components: { schemas: Record<string, Schema> };
}

/** A type in words; the names of schemas in it are links. */
export type TypePart = string | { schema: string };

export interface Field {
  name: string;
  /** How deep it stands inside others. */
  depth: number;
  type: TypePart[];
  isRequired: boolean;
  description: string;
}

export interface ReferenceOperation {
  id: string;
  method: 'GET' | 'POST';
  path: string;
  summary: string;
  needsKey: boolean;
  parameters: Field[];
  request: string | null;
  answers: { mediaType: string; type: TypePart[] }[];
  error: string | null;
  example: Call;
}

export interface ReferenceSchema {
  name: string;
  description: string;
  /** What it is where it is no object with fields of its own. */
  type: TypePart[];
  fields: Field[];
}

export interface Reference {
  title: string;
  version: string;
  description: string;
  path: string;
  operations: ReferenceOperation[];
  schemas: ReferenceSchema[];
  headers: { name: string; description: string }[];
}

function nameOf(ref: string): string {
  return ref.split('/').at(-1) ?? ref;
}

function join(parts: TypePart[][], word: string): TypePart[] {
  return parts.flatMap((part, at) => (at === 0 ? part : [word, ...part]));
}

function bounds({ minimum, maximum, minItems, maxItems, maxLength }: Schema): string {
  const least = minimum ?? minItems;
  const most = maximum ?? maxItems ?? maxLength;
  if (least === undefined && most === undefined) return '';
  if (least === undefined) return `, at most ${most}`;
  return most === undefined ? `, at least ${least}` : `, ${least} to ${most}`;
}

function typeOf(schema: Schema): TypePart[] {
  if (schema.$ref) return [{ schema: nameOf(schema.$ref) }];
  if (schema.enum) return [schema.enum.map((one) => JSON.stringify(one)).join(' or ')];
  const choices = schema.anyOf ?? schema.oneOf;
  if (choices) return join(choices.map(typeOf), ' or ');
  const types = [schema.type ?? 'anything'].flat();
  const words = types.map((type): TypePart[] =>
    type === 'array' && schema.items ? ['list of ', ...typeOf(schema.items)] : [type],
  );
  const limit = bounds(schema);
  return limit ? [...join(words, ' or '), limit] : join(words, ' or ');
}

/** The objects inside a type whose fields are shown below it; schemas with a name stand alone. */
function inside(schema: Schema): Schema[] {
  if (schema.$ref) return [];
  if (schema.properties) return [schema];
  return [
    ...(schema.anyOf ?? []),
    ...(schema.oneOf ?? []),
    ...(schema.items ? [schema.items] : []),
  ].flatMap(inside);
}

function fieldsOf(schema: Schema, depth = 0): Field[] {
  return Object.entries(schema.properties ?? {}).flatMap(([name, one]) => [
    {
      name,
      depth,
      type: typeOf(one),
      isRequired: schema.required?.includes(name) ?? false,
      description: one.description ?? '',
    },
    ...inside(one).flatMap((object) => fieldsOf(object, depth + 1)),
  ]);
}

/** One call of each kind that works as it stands, with any key. */
const bodies: Readonly<Record<string, Record<string, unknown>>> = {
  '/chat/completions': {
    model: 'oneai/auto',
    messages: [{ role: 'user', content: 'Say hello in three languages.' }],
  },
  '/responses': { model: 'oneai/auto', input: 'Say hello in three languages.' },
  '/messages': {
    model: 'oneai/auto',
    max_tokens: 200,
    messages: [{ role: 'user', content: 'Say hello in three languages.' }],
  },
  '/embeddings': {
    model: 'openai/text-embedding-3-small',
    input: 'A sentence to compare with others.',
  },
};

function exampleOf(method: 'GET' | 'POST', path: string): Call {
  const filled = path.replace('{id}', 'openai/gpt-4o-mini');
  if (path === '/generation') return { method, path: `${path}?id=REQUEST_ID` };
  const body = bodies[path];
  return body ? { method, path: filled, body } : { method, path: filled };
}

function readOperation(
  path: string,
  method: 'GET' | 'POST',
  operation: Operation,
): ReferenceOperation {
  const answer = operation.responses?.['200'];
  const refused = operation.responses?.['default']?.content?.['application/json']?.schema;
  const request = operation.requestBody?.content?.['application/json']?.schema;
  return {
    id: `${method.toLowerCase()}${path.replaceAll(/[^a-z]+/g, '-').replace(/-$/, '')}`,
    method,
    path,
    summary: operation.summary ?? '',
    needsKey: operation.security?.length !== 0,
    parameters: (operation.parameters ?? []).map((parameter) => ({
      name: parameter.name,
      depth: 0,
      type: [`${parameter.in}, `, ...typeOf(parameter.schema ?? {})],
      isRequired: parameter.required ?? false,
      description: parameter.description ?? '',
    })),
    request: request?.$ref ? nameOf(request.$ref) : null,
    answers: Object.entries(answer?.content ?? {}).map(([mediaType, { schema }]) => ({
      mediaType,
      type: typeOf(schema ?? {}),
    })),
    error: refused?.$ref ? nameOf(refused.$ref) : null,
    example: exampleOf(method, path),
  };
}

/** The document as a page shows it. */
export function readReference(specification: Specification): Reference {
  const { info, servers, paths, components } = specification;
  const operations = Object.entries(paths).flatMap(([path, { get, post }]) => [
    ...(post ? [readOperation(path, 'POST', post)] : []),
    ...(get ? [readOperation(path, 'GET', get)] : []),
  ]);
  const first = Object.values(paths).find(({ post }) => post)?.post;
  return {
    title: info.title,
    version: info.version,
    description: info.description ?? '',
    path: servers[0]?.url ?? '',
    operations,
    schemas: Object.entries(components.schemas).map(([name, schema]) => ({
      name,
      description: schema.description ?? '',
      type: schema.properties ? [] : typeOf(schema),
      fields: inside(schema).flatMap((object) => fieldsOf(object)),
    })),
    headers: Object.entries(first?.responses?.['200']?.headers ?? {}).map(
      ([name, { description = '' }]) => ({ name, description }),
    ),
  };
}
