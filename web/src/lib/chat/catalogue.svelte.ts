import { createContext } from 'svelte';
import {
  type Model,
  type Preset,
  listExcludedModels,
  listModels,
  listPresets,
} from '#lib/api/models.ts';
import { type Explained, explain } from '#lib/errors.ts';
import type { Client } from '#lib/supabase.ts';
import { Turns } from '#lib/turns.ts';
import { noEntries, withEntries } from './changed-map.ts';

export const autoModel = 'oneai/auto';

/** The models one can ask, the presets that choose among them, and which of them the plan includes. */
export class Catalogue {
  models = $state.raw<readonly Model[]>([]);
  presets = $state.raw<readonly Preset[]>([]);
  problem = $state.raw<Explained | null>(null);
  #excluded = $state.raw<ReadonlyMap<string, string | null>>(noEntries());
  readonly #byId = $derived(
    withEntries(
      noEntries<string, Model>(),
      this.models.map((model) => [model.id, model]),
    ),
  );
  #client: Client;
  #turns = new Turns();

  constructor(client: Client) {
    this.#client = client;
  }

  async load(accountId: string): Promise<void> {
    const isLatest = this.#turns.begin();
    this.problem = null;
    try {
      const [models, presets, excluded] = await Promise.all([
        this.models.length > 0 ? this.models : listModels(this.#client),
        this.presets.length > 0 ? this.presets : listPresets(this.#client),
        listExcludedModels(this.#client, accountId),
      ]);
      if (!isLatest()) return;
      this.models = models;
      this.presets = presets;
      this.#excluded = excluded;
    } catch (error) {
      if (isLatest()) this.problem = explain(error);
    }
  }

  model(id: string): Model | undefined {
    return this.#byId.get(id);
  }

  /** Why the account's plan does not let it be chosen; nothing where it does. */
  whyExcluded(id: string): string | null {
    if (!this.#excluded.has(id)) return null;
    const plan = this.planWith(id);
    return plan ? `Included in the ${plan} plan` : 'In none of the plans';
  }

  /** The first plan that has a model which the account's leaves out. */
  planWith(id: string): string | null {
    return this.#excluded.get(id) ?? null;
  }

  /** A model or preset as people call it; one that is gone by its id. */
  name(id: string): string {
    const preset = this.presets.find((one) => one.id === id);
    return preset?.name ?? this.#byId.get(id)?.name ?? id;
  }
}

export const [getCatalogue, setCatalogue] = createContext<Catalogue>();
