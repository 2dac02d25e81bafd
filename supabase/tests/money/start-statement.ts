import { quote } from './session.ts';

/**
 * The statement that asks for a call and answers with its verdict: through the gateway's door with a
 * key, through a person's own without one. What is asked for is said alike at both.
 */
export function startStatement(
  account: { id: string },
  key: { secretHash: string } | undefined,
  wish: string,
): string {
  if (!key) return `select * from api.start_run(account_id => ${quote(account.id)}, ${wish})`;
  return `select verdict.* from api.start_call(key_hash => ${quote(key.secretHash)}, ${wish}) as started
    cross join jsonb_populate_record(null::private.verdict, started -> 'verdict') as verdict`;
}
