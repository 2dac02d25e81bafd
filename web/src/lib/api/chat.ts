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
  'parent_id' | 'model_id' | 'run_id' | 'error_code' | 'trimmed_messages' | 'reasoning'
>;

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

export function resumeAnswer(runId: string, after: number, signal: AbortSignal): Promise<Response> {
  return fetchAsUser(`${runs}/${runId}?after=${after}`, { headers: stream, signal });
}

export async function stopRun(client: Client, runId: string): Promise<void> {
  await client.rpc('stop_run', { run_id: runId }).throwOnError();
}

export async function getConversation(client: Client, id: string): Promise<Conversation> {
  const { data } = await client.from('conversations').select().eq('id', id).single().throwOnError();
  return data as Conversation;
}

/** The newest first, from before the given one on. */
export async function listMessages(
  client: Client,
  conversationId: string,
  count: number,
  before: Message | null,
): Promise<Message[]> {
  let query = client.from('messages').select().eq('conversation_id', conversationId);
  if (before) {
    const { created_at: at, id } = before;
    query = query.or(`created_at.lt."${at}",and(created_at.eq."${at}",id.lt.${id})`);
  }
  const { data } = await query
    .order('created_at', { ascending: false })
    .order('id', { ascending: false })
    .limit(count)
    .throwOnError();
  return data as Message[];
}

function filterArguments(filters: Filters) {
  return {
    from_at: filters.fromAt,
    to_at: filters.toAt,
    model: filters.model,
    folder_id: filters.folderId,
    archived: filters.archived,
  };
}

/** Pinned first, then the last changed; or what a search finds, best first. */
export async function listConversations(
  client: Client,
  accountId: string,
  query: string,
  filters: Filters,
  cursor: string | null,
  maxRows: number,
): Promise<Listed[]> {
  const args = { account_id: accountId, ...filterArguments(filters), cursor, max_rows: maxRows };
  // A search looks into the archive too, unless only the archive is wanted.
  const archived = filters.archived || null;
  const { data } = query
    ? await client.rpc('search_conversations', { ...args, archived, query } as never).throwOnError()
    : await client.rpc('list_conversations', args as never).throwOnError();
  return data as unknown as Listed[];
}

export async function listFolders(client: Client, accountId: string): Promise<Folder[]> {
  const { data } = await client
    .from('folders')
    .select()
    .eq('account_id', accountId)
    .order('name')
    .throwOnError();
  return data as Folder[];
}

export async function selectBranch(
  client: Client,
  conversationId: string,
  messageId: string,
): Promise<void> {
  await client
    .rpc('select_branch', { conversation_id: conversationId, message_id: messageId })
    .throwOnError();
}

export async function renameConversation(client: Client, id: string, title: string) {
  await client.rpc('rename_conversation', { conversation_id: id, title }).throwOnError();
}

export async function pinConversation(client: Client, id: string, pinned: boolean) {
  await client.rpc('pin_conversation', { conversation_id: id, pinned }).throwOnError();
}

export async function archiveConversation(client: Client, id: string, archived: boolean) {
  await client.rpc('archive_conversation', { conversation_id: id, archived }).throwOnError();
}

export async function moveConversation(client: Client, id: string, folderId: string | null) {
  // The generator does not know that an argument may be null.
  const args = { conversation_id: id, folder_id: folderId as string };
  await client.rpc('move_conversation', args).throwOnError();
}

export async function deleteConversation(client: Client, id: string) {
  await client.rpc('delete_conversation', { conversation_id: id }).throwOnError();
}

export async function restoreConversation(client: Client, id: string) {
  await client.rpc('restore_conversation', { conversation_id: id }).throwOnError();
}

export async function createFolder(
  client: Client,
  accountId: string,
  name: string,
): Promise<string> {
  const { data } = await client
    .rpc('create_folder', { account_id: accountId, name })
    .single()
    .throwOnError();
  return data.id;
}

export async function renameFolder(client: Client, id: string, name: string) {
  await client.rpc('rename_folder', { folder_id: id, name }).throwOnError();
}

export async function deleteFolder(client: Client, id: string) {
  await client.rpc('delete_folder', { folder_id: id }).throwOnError();
}

export async function forkConversation(
  client: Client,
  conversationId: string,
  messageId: string,
): Promise<string> {
  const { data } = await client
    .rpc('fork_conversation', { conversation_id: conversationId, message_id: messageId })
    .single()
    .throwOnError();
  return data.id;
}

/** Every message of a conversation, the oldest first. */
export async function listAllMessages(client: Client, conversationId: string): Promise<Message[]> {
  const all: Message[] = [];
  const size = 200;
  while (true) {
    const page = await listMessages(client, conversationId, size, all.at(-1) ?? null);
    all.push(...page);
    if (page.length < size) return all.reverse();
  }
}
