/** One credit is a million micros: money is counted in integers, in a picture too. */
const creditMicros = 1_000_000;

const promptTokens = 1_204;
const answerTokens = 386;
const promptMicrosPerToken = (3 * creditMicros) / 1_000;
const answerMicrosPerToken = (15 * creditMicros) / 1_000;

const hold = 12 * creditMicros;
const before = 500 * creditMicros;
const rows = [
  {
    label: 'Prompt',
    detail: '1,204 tokens at 3 per 1,000',
    micros: promptTokens * promptMicrosPerToken,
  },
  {
    label: 'Answer',
    detail: '386 tokens at 15 per 1,000',
    micros: answerTokens * answerMicrosPerToken,
  },
];
const charged = rows.reduce((sum, row) => sum + row.micros, 0);

/** The charge the pictures show; its sums are computed, so that they cannot be wrong. */
export const exampleCharge = {
  rows,
  hold,
  charged,
  released: hold - charged,
  before,
  after: before - charged,
};

export function formatCredits(micros: number): string {
  return (micros / creditMicros).toLocaleString('en', {
    minimumFractionDigits: 3,
    maximumFractionDigits: 3,
  });
}
