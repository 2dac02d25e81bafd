import type { ReferenceOperation, ReferenceSchema } from './read-reference.ts';

function words(query: string): string[] {
  return query.toLowerCase().split(/\s+/).filter(Boolean);
}

function holds(text: string, wanted: readonly string[]): boolean {
  const folded = text.toLowerCase();
  return wanted.every((word) => folded.includes(word));
}

/** Operations in whose words, or in whose request's fields, every word is found. */
export function findOperations(
  operations: readonly ReferenceOperation[],
  query: string,
): ReferenceOperation[] {
  const wanted = words(query);
  return operations.filter(({ method, path, summary, parameters, request }) =>
    holds(
      [method, path, summary, request, ...parameters.map(({ name }) => name)].join(' '),
      wanted,
    ),
  );
}

/** Schemas with every word in a name or description of theirs. */
export function findSchemas(schemas: readonly ReferenceSchema[], query: string): ReferenceSchema[] {
  const wanted = words(query);
  return schemas.filter(({ name, description, fields }) =>
    holds(
      [name, description, ...fields.map((field) => `${field.name} ${field.description}`)].join(' '),
      wanted,
    ),
  );
}
