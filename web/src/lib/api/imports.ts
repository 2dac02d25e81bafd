import type { Client } from '#lib/supabase.ts';
import type { Json } from './database.gen.ts';

export interface ImportResult {
  imported: number;
  duplicates: number;
  rejected: { index: number; reason: string }[];
}

/** At most 50 conversations and 5 MB at once. A dry run only counts. */
export async function importConversations(
  client: Client,
  accountId: string,
  source: string,
  conversations: readonly unknown[],
  dryRun: boolean,
): Promise<ImportResult> {
  const { data } = await client
    .rpc('import_conversations', {
      account_id: accountId,
      source,
      conversations: conversations as Json,
      dry_run: dryRun,
    })
    .throwOnError();
  return data as unknown as ImportResult;
}
