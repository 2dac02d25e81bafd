// A call of every function of api that is let through.
import { billingCalls } from './extremes-billing-calls.ts';
import {
  aMessage,
  aShare,
  account,
  type Call,
  conversation,
  fieldsOf,
  text,
} from './extremes-setup.ts';

const shape =
  '{"prompt_bytes": 100, "messages": 1, "images": 0, "max_tokens": 10, "choices": 1, "searches": 0}';
const features =
  '{"text": "Good day", "has_code": true, "has_math": false, "has_images": false, "has_tools": false, "language": "en", "prompt_tokens": 5, "context_tokens": 5}';
const used =
  '{"prompt_tokens": 100, "completion_tokens": 5, "cache_read_tokens": 0, "cache_write_tokens": 0, "reasoning_tokens": 0, "audio_tokens": 0, "images": 0, "searches": 0}';
const report = `{"outcome": "completed", "model_id": "acme/small", "generation_id": "gen-1", "finish_reason": "stop", "error_code": null, "used": ${used}, "produced_bytes": 20, "upstream_usd": "0.000001", "attempts": [{"model": "acme/small"}], "first_token_ms": 5, "is_reconciled": false}`;
const start = {
  models: `'{acme/small}'`,
  shape: text(shape),
  features: text(features),
  task: `'completion'`,
  max_cost_micros: '1000000',
  idempotency_key: `'once'`,
  request_hash: `repeat('0f', 32)`,
};
const startFields = { shape: fieldsOf(shape), features: fieldsOf(features) };
const settings =
  '{"scopes": ["completions"], "allowed_models": ["acme/*"], "expires_at": "2090-01-01T00:00:00Z", "requests_per_minute": 5, "requests_per_hour": 50, "requests_per_day": 500, "max_cost_micros": 1000000}';
const aKey = '(select id from private.api_keys)';
const aKeyHash = `encode(sha256('sk-oneai-test'), 'hex')`;
const aRun = '(select id from private.runs)';
const message =
  '{"id": "00000000-0000-4000-8000-0000000000d2", "parent_id": null, "content": "Hi"}';
const options =
  '{"max_tokens": 10, "max_cost_micros": 1000000, "system": "Be brief.", "reasoning_effort": "low"}';
const pieces = '[{"number": 1, "body": "data: Hi"}]';
const imported = {
  id: 'one',
  title: 'Old times',
  created_at: 1700000000.5,
  updated_at: '2024-01-01T00:00:00Z',
  model: 'gpt-4',
  leaf_id: 'a',
  messages: [
    {
      id: 'a',
      parent_id: null,
      role: 'assistant',
      content: 'Hello',
      reasoning: 'Hm',
      model: 'gpt-4',
      created_at: 1700000000,
    },
    { id: 'b', parent_id: 'a', role: 'user', content: 'Hello' },
  ],
};
const list = {
  from_at: `'2020-01-01'`,
  to_at: `'2040-01-01'`,
  model: `'acme/small'`,
  folder_id: 'null',
  archived: 'false',
  cursor: 'null',
  max_rows: '30',
};

export const calls: Record<string, Call> = {
  change_exclusions: {
    who: 'owner',
    sound: { added: `'{acme/none,other/*}'`, removed: `'{acme/small}'` },
  },
  update_profile: {
    who: 'owner',
    sound: {
      name: `'Ada'`,
      avatar_url: `'https://example.com/a.png'`,
      locale: `'en'`,
      theme: `'dark'`,
      default_model: `'acme/small'`,
      custom_instructions: `'Be brief.'`,
    },
  },
  sum_usage: {
    who: 'owner',
    sound: {
      account_id: account,
      since: `'2027-01-01'`,
      until: `'2027-01-31'`,
      grouped_by: `'model'`,
      measure: `'credits'`,
      model_id: `'acme/small'`,
      key: `'chat'`,
      user_id: 'null',
    },
  },
  sync_models: { who: 'service', sound: { payload: text('{"data": [{"id": "acme/new"}]}') } },
  redeem_code: { who: 'owner', sound: { account_id: account, code: `'NO-SUCH-CODE'` } },
  set_budget: {
    who: 'owner',
    sound: {
      account_id: account,
      subject: `'member'`,
      subject_id: 'auth.uid()',
      period: `'day'`,
      limit_micros: '1000',
    },
  },
  preview_cost: {
    who: 'owner',
    sound: {
      account_id: account,
      model: `'acme/small'`,
      shape: text(shape),
      features: text(features),
    },
    fields: startFields,
  },
  start_run: { who: 'owner', sound: { account_id: account, ...start }, fields: startFields },
  touch_run: {
    who: 'service',
    sound: { run_id: aRun, generation_id: `'g'` },
  },
  stop_run: { who: 'owner', sound: { run_id: aRun } },
  finish_run: {
    who: 'service',
    sound: { run_id: aRun, report: text(report) },
    fields: { report: [...fieldsOf(report), ...fieldsOf(used, 'used,')] },
  },
  claim_reconciliations: { who: 'service', sound: { max_runs: '20' } },
  start_answer: {
    who: 'owner',
    sound: {
      account_id: account,
      conversation_id: conversation,
      answer_id: 'gen_random_uuid()',
      models: `'{acme/small}'`,
      message: text(message),
      answer_to: 'null',
      options: text(options),
      request_hash: `repeat('0f', 32)`,
    },
    fields: { message: fieldsOf(message), options: fieldsOf(options) },
  },
  start_temporary_answer: {
    who: 'owner',
    sound: {
      account_id: account,
      answer_id: 'gen_random_uuid()',
      models: `'{acme/small}'`,
      roles: `'{user}'`,
      sizes: `'{5}'`,
      content: `'Hello'`,
      options: text(options),
      request_hash: `repeat('0f', 32)`,
    },
    fields: { options: fieldsOf(options) },
  },
  read_answer: { who: 'owner', sound: { run_id: aRun, after: '0' } },
  append_frames: {
    who: 'service',
    sound: { run_id: aRun, first: '1', frames: text('[["c", "Hi"]]'), generation_id: `'g'` },
    fields: { frames: ['0', '0,0', '0,1'] },
  },
  finish_answer: {
    who: 'service',
    sound: { run_id: aRun, report: text(report), first: '1', frames: text('[["c", "Hi"]]') },
    fields: { frames: ['0', '0,0', '0,1'] },
  },
  title_conversation: {
    who: 'service',
    sound: { conversation_id: conversation, title: `'Greetings'` },
  },
  rename_conversation: { who: 'owner', sound: { conversation_id: conversation, title: `'Mine'` } },
  move_conversation: { who: 'owner', sound: { conversation_id: conversation, folder_id: 'null' } },
  pin_conversation: { who: 'owner', sound: { conversation_id: conversation, pinned: 'true' } },
  archive_conversation: {
    who: 'owner',
    sound: { conversation_id: conversation, archived: 'true' },
  },
  delete_conversation: { who: 'owner', sound: { conversation_id: conversation } },
  restore_conversation: { who: 'owner', sound: { conversation_id: conversation } },
  select_branch: {
    who: 'owner',
    sound: { conversation_id: conversation, message_id: aMessage },
  },
  create_share: {
    who: 'owner',
    sound: { conversation_id: conversation, leaf_id: aMessage, expires_at: `'2090-01-01'` },
  },
  revoke_share: { who: 'owner', sound: { share_id: aShare } },
  read_share: { who: 'anonymous', sound: { share_id: aShare } },
  fork_share: { who: 'owner', sound: { share_id: aShare, account_id: account } },
  fork_conversation: {
    who: 'owner',
    sound: { conversation_id: conversation, message_id: aMessage },
  },
  import_conversations: {
    who: 'owner',
    sound: {
      account_id: account,
      source: `'chatgpt'`,
      conversations: text(JSON.stringify([imported])),
      dry_run: 'false',
    },
    fields: {
      conversations: ['0'].concat(
        fieldsOf(JSON.stringify(imported), '0,'),
        fieldsOf(JSON.stringify(imported.messages[0]), '0,messages,0,'),
      ),
    },
  },
  create_folder: { who: 'owner', sound: { account_id: account, name: `'Work'` } },
  rename_folder: {
    who: 'owner',
    sound: { folder_id: '(select id from private.folders)', name: `'Play'` },
  },
  delete_folder: { who: 'owner', sound: { folder_id: '(select id from private.folders)' } },
  list_conversations: { who: 'owner', sound: { account_id: account, ...list } },
  search_conversations: { who: 'owner', sound: { account_id: account, query: `'hi'`, ...list } },
  create_key: {
    who: 'owner',
    sound: { account_id: account, name: `'Robot'`, settings: text(settings) },
    fields: { settings: fieldsOf(settings) },
  },
  update_key: {
    who: 'owner',
    sound: { key_id: aKey, changes: text(settings) },
    fields: { changes: fieldsOf(settings) },
  },
  rotate_key: { who: 'owner', sound: { key_id: aKey, overlap_seconds: '60' } },
  revoke_key: { who: 'owner', sound: { key_id: aKey } },
  // Its JSON is read by the same functions as start_run's.
  start_call: { who: 'service', sound: { key_hash: aKeyHash, ...start } },
  keep_call: {
    who: 'service',
    sound: { run_id: aRun, generation_id: `'g'`, pieces: text(pieces) },
    fields: { pieces: ['0', '0,number', '0,body'] },
  },
  finish_call: {
    who: 'service',
    sound: { run_id: aRun, report: text(report), pieces: text(pieces), closing: text('{}') },
    fields: { pieces: ['0', '0,number', '0,body'] },
  },
  read_stored_answer: { who: 'service', sound: { run_id: aRun, after: '0' } },
  list_excluded_models: { who: 'owner', sound: { account_id: account } },
  is_person: { who: 'owner', sound: {} },
  is_key: { who: 'service', sound: { key_hash: aKeyHash } },
  describe_key: { who: 'service', sound: { key_hash: aKeyHash } },
  list_key_models: { who: 'service', sound: { key_hash: aKeyHash } },
  find_key_receipt: { who: 'service', sound: { key_hash: aKeyHash, id: `'gen-1'` } },
  export_ledger: {
    who: 'owner',
    sound: { account_id: account, after_sequence: '0', max_transactions: '10' },
  },
  ...billingCalls,
};
