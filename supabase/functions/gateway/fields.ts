import { invalid } from './api-error.ts';

// Reads fields of a body that anybody may have written. Absent and null are the same; anything
// else that is not what it should be is refused with the path of the parameter.

export type Fields = Record<string, unknown>;

export function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function readObject(value: unknown, param: string): Fields | undefined {
  if (value === undefined || value === null) return undefined;
  if (!isFields(value)) throw invalid(param, `${param} must be an object.`);
  return value;
}

export function readArray(value: unknown, param: string, most: number): unknown[] | undefined {
  if (value === undefined || value === null) return undefined;
  if (!Array.isArray(value)) throw invalid(param, `${param} must be an array.`);
  if (value.length > most) throw invalid(param, `${param} may have at most ${most} items.`);
  return value;
}

export function readText(value: unknown, param: string, most: number): string | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value !== 'string') throw invalid(param, `${param} must be a string.`);
  if (value.length > most) throw invalid(param, `${param} may have at most ${most} characters.`);
  return value;
}

export function readFlag(value: unknown, param: string): boolean | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value !== 'boolean') throw invalid(param, `${param} must be true or false.`);
  return value;
}

export function readNumber(
  value: unknown,
  param: string,
  least: number,
  most: number,
): number | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value !== 'number' || !(value >= least && value <= most)) {
    throw invalid(param, `${param} must be a number from ${least} to ${most}.`);
  }
  return value;
}

export function readWhole(
  value: unknown,
  param: string,
  least: number,
  most: number,
): number | undefined {
  const number = readNumber(value, param, least, most);
  if (number !== undefined && !Number.isInteger(number)) {
    throw invalid(param, `${param} must be a whole number.`);
  }
  return number;
}

/** What somebody wrote, for a sentence that says what is wrong with it. */
export function quoted(value: unknown): string {
  return typeof value === 'string' ? value.slice(0, 40) : 'It';
}

export function required<Value>(value: Value | undefined, param: string): Value {
  if (value === undefined) throw invalid(param, `${param} is required.`);
  return value;
}
