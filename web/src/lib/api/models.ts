import type { Client } from '#lib/supabase.ts';
import type { Database } from './database.gen.ts';
import type { Filled } from './filled.ts';

type Views = Database['api']['Views'];

export type Model = Filled<Views['models']['Row'], 'listed_at'>;
export type Preset = Filled<Views['presets']['Row']>;

const columns =
  'id, name, provider, description, context_tokens, max_output_tokens, input_modalities, ' +
  'output_modalities, parameters, prompt_micros, completion_micros, request_micros, minimum_micros';

/** By provider and name; the whole catalogue is some hundred rows. */
export async function listModels(client: Client): Promise<Model[]> {
  const { data } = await client
    .from('models')
    .select(columns)
    .contains('output_modalities', ['text'])
    .order('id')
    .throwOnError();
  return data as unknown as Model[];
}

/** What people call these models; those that are gone are left out. */
export async function listModelNames(
  client: Client,
  ids: readonly string[],
): Promise<Map<string, string>> {
  const { data } = await client.from('models').select('id, name').in('id', ids).throwOnError();
  return new Map((data as Pick<Model, 'id' | 'name'>[]).map(({ id, name }) => [id, name]));
}

export async function listPresets(client: Client): Promise<Preset[]> {
  const { data } = await client.from('presets').select().order('id').throwOnError();
  return data as Preset[];
}

/** What the account's plan does not include, by model: the first plan that does, if there is one. */
export async function listExcludedModels(
  client: Client,
  accountId: string,
): Promise<Map<string, string | null>> {
  const { data } = await client
    .rpc('list_excluded_models', { account_id: accountId })
    .throwOnError();
  return new Map(data.map(({ model_id, plan_name }) => [model_id, plan_name]));
}
