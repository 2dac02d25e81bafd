// Every NN_word.test.sql is one test: its failing assertions are what the test reports.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe } from 'vitest';
import { runPgtap } from '../../scripts/db/pgtap.ts';
import { test } from './database.ts';

const files = readdirSync(import.meta.dirname).filter((file) => file.endsWith('.test.sql'));

// One after the other: a file that changes models holds the lock of the offers until it rolls back.
describe('pgTAP', () => {
  test.for(files.sort())('%s', async (file, { database }) => {
    const text = readFileSync(join(import.meta.dirname, file), 'utf8');
    const complaints = await runPgtap(database.url('postgres'), text);
    if (complaints.length > 0) throw new Error(`${file}\n${complaints.join('\n')}`);
  });
});
