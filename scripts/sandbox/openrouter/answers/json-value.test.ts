import { expect, test } from 'vitest';
import { gatherMaterial, valueFor } from './json-value.ts';

const none = gatherMaterial('');

test('objects, arrays and plain types come out as the schema says', () => {
  const schema = {
    type: 'object',
    properties: {
      name: { type: 'string', minLength: 20, maxLength: 24 },
      count: { type: 'integer', minimum: 5, maximum: 9 },
      share: { type: 'number', exclusiveMinimum: 2, exclusiveMaximum: 3 },
      even: { type: 'integer', minimum: 3, multipleOf: 2 },
      open: { type: 'boolean' },
      nothing: { type: 'null' },
      fixed: { const: 7 },
      kind: { enum: ['cat', 'dog'] },
      tags: { type: 'array', items: { type: 'string' }, minItems: 3 },
      maybe: { type: ['string', 'null'] },
      pair: { type: 'array', prefixItems: [{ type: 'integer' }, { const: 'x' }] },
    },
    required: ['name'],
  };
  const value = valueFor(schema, none) as Record<string, unknown>;
  expect(String(value.name).length).toBeGreaterThanOrEqual(20);
  expect(String(value.name).length).toBeLessThanOrEqual(24);
  expect(value.count).toBe(5);
  expect(value.share).toBeGreaterThan(2);
  expect(value.share).toBeLessThan(3);
  expect(value.even).toBe(4);
  expect(value).toMatchObject({ open: true, nothing: null, fixed: 7, kind: 'cat' });
  expect(value.tags).toEqual(['sample tag', 'sample tag 2', 'sample tag 3']);
  expect(typeof value.maybe).toBe('string');
  expect(value.pair).toEqual([1, 'x']);
});

test('formats are well formed', () => {
  const formats = ['date-time', 'date', 'email', 'uri', 'uuid'];
  const made = formats.map((format) => String(valueFor({ type: 'string', format }, none)));
  expect(Number.isNaN(Date.parse(made[0]!))).toBe(false);
  expect(made[1]).toMatch(/^\d{4}-\d\d-\d\d$/);
  expect(made[2]).toMatch(/^\S+@\S+\.\S+$/);
  expect(URL.canParse(made[3]!)).toBe(true);
  expect(made[4]).toMatch(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
});

test('references are followed, and a schema that contains itself ends', () => {
  const schema = {
    $ref: '#/$defs/node',
    $defs: {
      node: {
        type: 'object',
        properties: { next: { anyOf: [{ $ref: '#/$defs/node' }, { type: 'null' }] } },
        required: ['next'],
      },
    },
  };
  let node = valueFor(schema, none) as { next: unknown } | null;
  let depth = 0;
  for (; node !== null; depth += 1) {
    expect(Object.keys(node)).toEqual(['next']);
    node = node.next as { next: unknown } | null;
  }
  expect(depth).toBeGreaterThan(1);
});

test('allOf is one object', () => {
  const schema = {
    allOf: [
      { type: 'object', properties: { a: { const: 1 } }, required: ['a'] },
      { type: 'object', properties: { b: { const: 2 } }, required: ['b'] },
    ],
  };
  expect(valueFor(schema, none)).toEqual({ a: 1, b: 2 });
});

test('names and numbers come from the prompt', () => {
  const material = gatherMaterial('Book a table named "Blue" for 4 people in New York');
  const schema = {
    type: 'object',
    properties: {
      title: { type: 'string' },
      city: { type: 'string' },
      guests: { type: 'integer' },
    },
  };
  expect(valueFor(schema, material)).toEqual({ title: 'Blue', city: 'New York', guests: 4 });
});
