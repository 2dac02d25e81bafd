// Answers kept for an Idempotency-Key, on real connections: what comes late finds them or not at all.
import { randomUUID } from 'node:crypto';
import { expect, vi } from 'vitest';
import { test } from './database.ts';

test('a piece that comes while its answer is being forgotten is left out', async ({ database }) => {
  const { owner } = database;
  const run = randomUUID();
  await owner`select tests.create_user('Ada')`;
  await owner`
    insert into private.stored_answers (account_id, idempotency_key, run_id, request_hash, created_at)
    values (tests.account_of('Ada'), 'one', ${run}, ${Buffer.alloc(32)}, now())`;
  const forgetting = await owner.reserve();
  await forgetting`begin`;
  await forgetting`delete from private.stored_answers where run_id = ${run}`;
  const late =
    owner`select private.keep_call(${run}, null, '[{"number": 1, "body": "Hello"}]')`.execute();
  await vi.waitFor(
    async () => {
      const [row] = await owner`select count(*)::int as waiting from pg_locks where not granted`;
      if (!row!.waiting) throw new Error('nobody waits yet');
    },
    { timeout: 30_000 },
  );
  await forgetting`commit`;
  forgetting.release();
  await late;
  expect(await owner`select from private.stored_pieces`).toHaveLength(0);
});
