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

/** Presets first, then models by provider, each with what one chooses by. */
export function modelOptions(
  models: readonly Model[],
  presets: readonly Preset[],
  whyExcluded: (id: string) => string | null,
): ModelOption[] {
  return [
    ...presets.map(({ id, name, description }) => ({
      id,
      name,
      detail: description,
      capabilities: [],
      contextTokens: null,
      price: null,
      disabledBecause: null,
      group: 'Chosen for you',
    })),
    ...models.map((model) => ({
      id: model.id,
      name: model.name.replace(/^[^:]{1,30}: /, ''),
      detail: model.id,
      capabilities: capabilitiesOf(model),
      contextTokens: model.context_tokens,
      price: {
        input: (model.prompt_micros * 1000) / microsPerCredit,
        output: (model.completion_micros * 1000) / microsPerCredit,
      },
      disabledBecause: whyExcluded(model.id),
      group: /^([^:]{1,30}): /.exec(model.name)?.[1] ?? model.provider,
    })),
  ];
}

/** Every word of the query is somewhere in the model: its name, id, provider or capabilities. */
export function findOptions(options: readonly ModelOption[], query: string): ModelOption[] {
  const words = fold(query).split(/\s+/).filter(Boolean);
  return options.filter(({ name, detail, group, capabilities }) => {
    const text = fold([name, detail, group, ...capabilities].join(' '));
    return words.every((word) => text.includes(word));
  });
}
