import { PUBLIC_SUPABASE_URL } from '$app/env/public';
import { type Client, fetchAsUser } from '#lib/supabase.ts';
import type { Database } from './database.gen.ts';
import type { Filled } from './filled.ts';

type Views = Database['api']['Views'];

export type Conversation = Filled<
  Views['conversations']['Row'],
  'folder_id' | 'model_id' | 'leaf_id' | 'pinned_at' | 'archived_at' | 'deleted_at'
>;
export type Folder = Filled<Views['folders']['Row']>;
export type Message = Filled<
  Views['messages']['Row'],
  'parent_id' | 'model_id' | 'run_id' | 'error_code' | 'reasoning'
>;
export type Share = Filled<Views['shares']['Row'], 'expires_at' | 'revoked_at' | 'leaf_id'>;

/** A conversation in the list; found by a search it has the passage, its hits between U+0002 and U+0003. */
export type Listed = Conversation & { cursor: string; excerpt?: string; message_id?: string };

export interface Filters {
  fromAt: string | null;
  toAt: string | null;
  model: string | null;
  folderId: string | null;
  archived: boolean;
}

export interface AnswerRequest {
  account_id: string;
  conversation_id: string;
  answer_id: string;
  models: string[];
  message: { id: string; parent_id: string | null; content: string } | null;
  answer_to: string | null;
  options: Record<string, unknown>;
  temporary?: { messages: { role: 'user' | 'assistant'; content: string }[] };
}

const runs = `${PUBLIC_SUPABASE_URL}/functions/v1/chat/runs`;
const stream = { accept: 'text/event-stream' };

export function startAnswer(request: AnswerRequest, signal: AbortSignal): Promise<Response> {
  return fetchAsUser(runs, {
    method: 'POST',
    headers: { ...stream, 'content-type': 'application/json' },
    body: JSON.stringify(request),
    signal,
  });
}

export function resumeAnswer(
  runId: string,
  after: number,
  signal: AbortSignal,
): Promise<Response> {
  return fetchAsUser(`${runs}/${runId}?after=${after}`, { headers: stream, signal });
}

export async function stopRun(client: Client, runId: string): Promise<void> {
  await client.rpc('stop_run', { run_id: runId }).throwOnError();
}
