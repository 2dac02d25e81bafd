/** What a reasoning model says to itself before it answers. */
import { firstTokens } from '../tokens.ts';
import { quote } from './prose.ts';

const STEPS = [
  'First I should be sure what is really asked, and what would be a useful form for the answer.',
  'A short answer may be enough, but an example would make it easier to trust.',
  'Let me check the parts one by one, so that nothing is claimed that I cannot support.',
  'There is a second way to read the question. The first reading fits the wording better.',
  'I will put the most important point first and leave the details to the end.',
  'One more check: is every number consistent with the others? Yes.',
  'The answer should say plainly where its limits are.',
  'Now I can write it down.',
];

export function think(prompt: string, tokens: number): string {
  let text = `The question is “${quote(prompt)}”.`;
  for (let at = 0; text.length < tokens * 6 && at < 10_000; at += 1) {
    text += ` ${STEPS[at % STEPS.length]}`;
    if (at % 4 === 3) text += '\n\n';
  }
  return firstTokens(text, tokens);
}
