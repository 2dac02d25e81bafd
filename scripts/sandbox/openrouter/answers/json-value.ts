/** Builds a value that a JSON schema accepts. Texts and numbers are taken from the prompt if given. */
type Schema = Record<string, unknown>;

/** What may be used to fill a value in, taken from the prompt in turn. */
export interface Material {
  numbers: number[];
  names: string[];
  text: string;
}

const DEEPEST = 12;

export function gatherMaterial(prompt: string): Material {
  const quoted = [...prompt.matchAll(/["“]([^"”]{1,80})["”]/g)].map((found) => found[1]!);
  const named = [
    ...prompt.matchAll(/(?<!^|[.!?]\s|["“])\b\p{Lu}[\p{L}'-]+(?:\s\p{Lu}[\p{L}'-]+)*/gu),
  ];
  return {
    numbers: [...prompt.matchAll(/-?\d+(?:\.\d+)?/g)].map((found) => Number(found[0])),
    names: [...quoted, ...named.map((found) => found[0])],
    text: prompt.replace(/\s+/g, ' ').trim().slice(0, 80).toWellFormed(),
  };
}

export function valueFor(schema: unknown, material: Material, key = ''): unknown {
  return build(schema, { root: schema, material: structuredClone(material), depth: 0 }, key);
}

interface Context {
  root: unknown;
  material: Material;
  depth: number;
}

function build(given: unknown, context: Context, key: string): unknown {
  if (given === true || typeof given !== 'object' || given === null) return text(key, context);
  const schema = resolve(given as Schema, context.root);
  if ('const' in schema) return schema.const;
  if (Array.isArray(schema.enum)) return choose(schema.enum, context.material.text);
  if ('default' in schema) return schema.default;

  const inner = { ...context, depth: context.depth + 1 };
  const options = schema.anyOf ?? schema.oneOf;
  if (Array.isArray(options)) {
    const choices = options as unknown[];
    const nothing = choices.find((option) => (option as Schema).type === 'null');
    const something = choices.find((option) => option !== nothing);
    return inner.depth > DEEPEST && nothing ? null : build(something, inner, key);
  }
  if (Array.isArray(schema.allOf)) {
    return build(merge(schema, schema.allOf, context.root), inner, key);
  }

  switch (typeOf(schema)) {
    case 'object':
      return buildObject(schema, inner);
    case 'array':
      return buildArray(schema, inner, key);
    case 'integer':
    case 'number':
      return number(schema, context.material);
    case 'boolean':
      return true;
    case 'null':
      return null;
    default:
      return string(schema, context, key);
  }
}

function buildObject(schema: Schema, context: Context): Schema {
  const properties = (schema.properties ?? {}) as Record<string, unknown>;
  const required = new Set(Array.isArray(schema.required) ? schema.required : []);
  const keys = Object.keys(properties).filter(
    (key) => required.has(key) || context.depth <= DEEPEST / 2,
  );
  return Object.fromEntries(keys.map((key) => [key, build(properties[key], context, key)]));
}

function buildArray(schema: Schema, context: Context, key: string): unknown[] {
  if (Array.isArray(schema.prefixItems)) {
    return schema.prefixItems.map((item) => build(item, context, key));
  }
  const least = Number(schema.minItems ?? 0);
  const most = Number(schema.maxItems ?? Infinity);
  const wanted = context.depth > DEEPEST ? least : Math.min(most, Math.max(least, 2));
  const singular = key.replace(/s$/, '');
  return Array.from({ length: wanted }, (_, at) => {
    const value = build(schema.items ?? true, context, singular);
    const isMadeUp = typeof value === 'string' && value.startsWith('sample ');
    return isMadeUp && at > 0 ? `${value} ${at + 1}` : value;
  });
}

function number(schema: Schema, material: Material): number {
  const whole = schema.type === 'integer';
  const step = Number(schema.multipleOf ?? (whole ? 1 : 0));
  const edge = whole ? 1 : 1e-6;
  const least = Math.max(
    Number(schema.minimum ?? -Infinity),
    schema.exclusiveMinimum === undefined ? -Infinity : Number(schema.exclusiveMinimum) + edge,
  );
  const most = Math.min(
    Number(schema.maximum ?? Infinity),
    schema.exclusiveMaximum === undefined ? Infinity : Number(schema.exclusiveMaximum) - edge,
  );
  const wanted = Math.min(most, Math.max(least, material.numbers.shift() ?? 1));
  if (step === 0) return wanted;
  const below = Math.floor(wanted / step) * step;
  return below >= least ? below : Math.ceil(wanted / step) * step;
}

function string(schema: Schema, context: Context, key: string): string {
  switch (schema.format) {
    case 'date-time':
      return '2026-01-15T09:30:00Z';
    case 'date':
      return '2026-01-15';
    case 'time':
      return '09:30:00Z';
    case 'email':
      return 'someone@example.com';
    case 'uri':
    case 'url':
      return 'https://example.com/';
    case 'uuid':
      return '3f2b8a6e-5c1d-4e7f-9a0b-1c2d3e4f5a6b';
    case 'ipv4':
      return '192.0.2.1';
  }
  const least = Number(schema.minLength ?? 0);
  const most = Number(schema.maxLength ?? Infinity);
  return text(key, context).padEnd(least, '.').slice(0, most);
}

function text(key: string, { material }: Context): string {
  const words = key
    .replace(/[_-]+/g, ' ')
    .replace(/([a-z])([A-Z])/g, '$1 $2')
    .toLowerCase();
  if (/\b(query|question|input|prompt|text|message)\b/.test(words)) return material.text;
  const name = material.names.shift();
  if (name !== undefined) return name;
  if (/\b(summary|description|reason|explanation|answer|content)\b/.test(words)) {
    return `A sandbox ${words} of: ${material.text}`;
  }
  return words === '' ? 'value' : `sample ${words}`;
}

function typeOf(schema: Schema): unknown {
  if (Array.isArray(schema.type)) return schema.type.find((type) => type !== 'null');
  if (schema.type !== undefined) return schema.type;
  return schema.properties ? 'object' : schema.items ? 'array' : 'string';
}

function choose(values: unknown[], prompt: string): unknown {
  const mentioned = values.find(
    (value) => typeof value === 'string' && prompt.toLowerCase().includes(value.toLowerCase()),
  );
  return mentioned ?? values[0];
}

function resolve(schema: Schema, root: unknown): Schema {
  if (typeof schema.$ref !== 'string' || !schema.$ref.startsWith('#')) return schema;
  const steps = schema.$ref.split('/').slice(1);
  let found: unknown = root;
  for (const step of steps) {
    const name = decodeURIComponent(step).replaceAll('~1', '/').replaceAll('~0', '~');
    found = (found as Schema | undefined)?.[name];
  }
  return typeof found === 'object' && found !== null ? (found as Schema) : {};
}

function merge(schema: Schema, parts: unknown[], root: unknown): Schema {
  const { allOf: _, ...merged } = schema;
  for (const part of parts.map((value) => resolve(value as Schema, root))) {
    Object.assign(merged, part, {
      properties: { ...(merged.properties as object), ...(part.properties as object) },
      required: [
        ...((merged.required as unknown[] | undefined) ?? []),
        ...((part.required as unknown[] | undefined) ?? []),
      ],
    });
  }
  return merged;
}
