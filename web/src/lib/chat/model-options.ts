import type { Model, Preset } from '#lib/api/models.ts';
import { microsPerCredit } from '#lib/credits.ts';

export interface ModelOption {
  id: string;
  name: string;
  detail: string;
  capabilities: string[];
  contextTokens: number | null;
  /** Credits for a thousand tokens in and out; none for a preset, whose price is that of its choice. */
  price: { input: number; output: number } | null;
  disabledBecause: string | null;
  /** The first plan that has it, where this account's does not. */
  planWith: string | null;
  group: string;
}

function capabilitiesOf(model: Model): string[] {
  return [
    ...(model.input_modalities.includes('image') ? ['Sees images'] : []),
    ...(model.parameters.includes('reasoning') ? ['Reasons'] : []),
    ...(model.parameters.includes('tools') ? ['Tools'] : []),
  ];
}

function fold(text: string): string {
  return text.toLowerCase().normalize('NFKD').replace(/\p{M}/gu, '');
}

interface Knowledge {
  whyExcluded: (id: string) => string | null;
  planWith: (id: string) => string | null;
  /** The last one first. */
  usedLately: readonly string[];
}

/** Presets first, then what was used lately, then models by provider, each with what one chooses by. */
export function modelOptions(
  models: readonly Model[],
  presets: readonly Preset[],
  { whyExcluded, planWith, usedLately }: Knowledge,
): ModelOption[] {
  const lately = usedLately.flatMap((id) => {
    const model = models.find((one) => one.id === id);
    return model ? [{ ...describe(model), name: model.name, group: 'Used lately' }] : [];
  });
  return [
    ...presets.map(({ id, name, description }) => ({
      id,
      name,
      detail: description,
      capabilities: [],
      contextTokens: null,
      price: null,
      disabledBecause: null,
      planWith: null,
      group: 'Chosen for you',
    })),
    ...lately,
    ...models.filter(({ id }) => !usedLately.includes(id)).map(describe),
  ];

  function describe(model: Model): ModelOption {
    const { id, name, provider } = model;
    return {
      id,
      name: name.replace(/^[^:]{1,30}: /, ''),
      detail: id,
      capabilities: capabilitiesOf(model),
      contextTokens: model.context_tokens,
      price: {
        input: (model.prompt_micros * 1000) / microsPerCredit,
        output: (model.completion_micros * 1000) / microsPerCredit,
      },
      disabledBecause: whyExcluded(id),
      planWith: planWith(id),
      group: /^([^:]{1,30}): /.exec(name)?.[1] ?? provider,
    };
  }
}

/** Every word of the query is somewhere in the model: its name, id, provider or capabilities. */
export function findOptions(options: readonly ModelOption[], query: string): ModelOption[] {
  const words = fold(query).split(/\s+/).filter(Boolean);
  return options.filter(({ name, detail, group, capabilities }) => {
    const text = fold([name, detail, group, ...capabilities].join(' '));
    return words.every((word) => text.includes(word));
  });
}
