import { expect, test } from 'vitest';
import { dayText, guessCurrency, momentOf, moneyText } from './money.ts';

test.each([
  [['en-IN', 'en'], 'INR'],
  [['hi'], 'INR'],
  [['en-GB'], 'GBP'],
  [['sw-KE'], 'KES'],
  [['de'], 'EUR'],
  [['en', 'fr-FR'], 'EUR'],
  [['fr-CH'], 'USD'],
  [['en-US'], 'USD'],
  [['not a language'], 'USD'],
  [[], 'USD'],
])('%j thinks in %s', (languages, currency) => {
  expect(guessCurrency(languages)).toBe(currency);
});

test('hundredths are shown only where there are any', () => {
  expect(moneyText(2000, 'GBP', 'en-GB')).toBe('£20');
  expect(moneyText(650, 'USD', 'en-US')).toBe('$6.50');
});

test('a moment is read in either form the Data API gives it', () => {
  expect(momentOf('2026-11-20 23:33:54.45+00').toISOString()).toBe('2026-11-20T23:33:54.450Z');
  expect(momentOf('2026-11-20T23:33:54+05:30').toISOString()).toBe('2026-11-20T18:03:54.000Z');
  expect(dayText(null)).toBe('');
});
