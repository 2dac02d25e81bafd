import type { Model } from '#lib/api/models.ts';

type Prices = Pick<
  Model,
  'prompt_micros' | 'completion_micros' | 'request_micros' | 'minimum_micros'
>;

/** What a chat looks like: words asked and answered, in a language where three words are four tokens. */
export interface Habit {
  wordsAsked: number;
  wordsAnswered: number;
}

const tokensPerWord = 4 / 3;

/** About how many such messages some credits buy. The charge itself is the database's to reckon. */
export function messagesFor(credits: number, { wordsAsked, wordsAnswered }: Habit, model: Prices) {
  const micros = Math.max(
    model.minimum_micros,
    model.request_micros +
      wordsAsked * tokensPerWord * model.prompt_micros +
      wordsAnswered * tokensPerWord * model.completion_micros,
  );
  return micros > 0 ? Math.floor((credits * 1_000_000) / micros) : Infinity;
}
