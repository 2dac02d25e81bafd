import type { Model } from '#lib/api/models.ts';
import { findOptions, type ModelOption, modelOptions } from '#lib/chat/model-options.ts';
import { matching } from '#lib/model-pattern.ts';

export interface Provider {
  /** Stands for all of its models. */
  pattern: string;
  name: string;
  models: ModelOption[];
}

const patternOf = (id: string) => `${id.split('/')[0]}/*`;

/** The models in which every word of the query is found, by whoever makes them. */
export function findProviders(models: readonly Model[], query: string): Provider[] {
  const options = modelOptions(models, [], {
    whyExcluded: () => null,
    planWith: () => null,
    usedLately: [],
  });
  const found = Map.groupBy(findOptions(options, query), ({ id }) => patternOf(id));
  return [...found]
    .map(([pattern, models]) => ({ pattern, name: models[0]?.group ?? pattern, models }))
    .sort((one, other) => one.name.localeCompare(other.name));
}

/** What a person calls a model or a pattern, and what that stands for. */
export function describePattern(
  pattern: string,
  models: readonly Model[],
): { name: string; detail: string } {
  const model = models.find(({ id }) => id === pattern);
  if (model) return { name: model.name, detail: model.id };
  const count = matching(
    pattern,
    models.map(({ id }) => id),
  ).length;
  const [provider] = findProviders(
    models.filter(({ id }) => patternOf(id) === pattern),
    '',
  );
  return {
    name: provider ? `All of ${provider.name}` : pattern,
    detail:
      count === 0
        ? 'No model has such a name now'
        : `${provider ? `${pattern} · ` : ''}${count} ${count === 1 ? 'model' : 'models'} now`,
  };
}
