import { expect, test } from 'vitest';
import { openApi } from '../../../../../supabase/functions/gateway/openapi.ts';
import { readReference } from './read-reference.ts';

const reference = readReference(openApi);

test('every address of the document is on the page, with an anchor of its own', () => {
  expect(reference.operations.map(({ method, path }) => `${method} ${path}`)).toEqual(
    Object.entries(openApi.paths).map(
      ([path, methods]) => `${Object.keys(methods)[0]!.toUpperCase()} ${path}`,
    ),
  );
  const anchors = [
    ...reference.operations.map(({ id }) => id),
    ...reference.schemas.map(({ name }) => name),
  ];
  expect(new Set(anchors).size).toBe(anchors.length);
});

test('every schema that is named is there', () => {
  const known = new Set(reference.schemas.map(({ name }) => name));
  const types = [
    ...reference.operations.flatMap(({ answers }) => answers.flatMap(({ type }) => type)),
    ...reference.schemas.flatMap(({ type, fields }) => [type, ...fields.map((one) => one.type)]),
  ].flat();
  const named = types.flatMap((part) => (typeof part === 'string' ? [] : [part.schema]));
  expect(named.length).toBeGreaterThan(20);
  expect(named.filter((name) => !known.has(name))).toEqual([]);
  for (const { request, error } of reference.operations) {
    for (const name of [request, error]) if (name) expect(known).toContain(name);
  }
});

test('a field says what it is, whether it must be there, and what is inside it', () => {
  const { fields } = reference.schemas.find(({ name }) => name === 'ChatRequest')!;
  expect(fields.find(({ name }) => name === 'messages')).toEqual({
    name: 'messages',
    depth: 0,
    type: ['list of ', { schema: 'Message' }, ', 1 to 10000'],
    isRequired: true,
    description: '',
  });
  const inner = fields.find(({ name }) => name === 'include_usage');
  expect(inner).toMatchObject({ depth: 1, type: ['boolean'], isRequired: false });
});

test('what needs no key says so', () => {
  const open = reference.operations.filter(({ needsKey }) => !needsKey);
  expect(open.map(({ path }) => path)).toEqual(['/openapi.json']);
});

test('every call that takes a body has one that fits, as an example', () => {
  for (const { method, path, request, example } of reference.operations) {
    if (method === 'GET') continue;
    const fields = reference.schemas.find(({ name }) => name === request)!.fields;
    const top = fields.filter(({ depth }) => depth === 0);
    const given = Object.keys(example.body ?? {});
    expect(
      top.filter((one) => one.isRequired && !given.includes(one.name)),
      path,
    ).toEqual([]);
    expect(
      given.filter((name) => !top.some((one) => one.name === name)),
      path,
    ).toEqual([]);
  }
});
