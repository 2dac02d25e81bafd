import { expect, test } from 'vitest';
import { findCommands } from './palette-items.ts';

const command = (label: string, keywords?: string) => ({
  id: label,
  label,
  ...(keywords !== undefined && { keywords }),
  run: () => {},
});
const commands = [command('New chat', 'start'), command('Theme: dark', 'night'), command('Export')];
const found = (query: string) => findCommands(commands, query).map(({ label }) => label);

test('words are found by their beginnings, in any order', () => {
  expect(found('')).toHaveLength(3);
  expect(found('ch ne')).toEqual(['New chat']);
  expect(found('NIGHT')).toEqual(['Theme: dark']);
  expect(found('dark')).toEqual(['Theme: dark']);
  expect(found('hat')).toEqual([]);
});
