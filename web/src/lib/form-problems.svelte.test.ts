import { afterEach, describe, expect, test } from 'vitest';
import { formProblems } from './form-problems.ts';

function form(html: string): HTMLFormElement {
  document.body.insertAdjacentHTML('beforeend', `<form novalidate>${html}</form>`);
  return document.querySelector('form')!;
}

describe('formProblems', () => {
  afterEach(() => document.querySelector('form')?.remove());

  test('a good form has none', () => {
    const good = form('<input name="email" type="email" required value="a@example.com" />');
    expect(formProblems(good)).toEqual({});
  });

  test('each field at fault gets one sentence, the first one the focus', () => {
    const bad = form(
      '<input name="ok" value="x" />' +
        '<input name="email" type="email" required value="nobody" />' +
        '<input name="code" pattern="[0-9]{6}" title="The code has six digits." value="12" />' +
        '<input name="name" required />',
    );
    expect(formProblems(bad)).toEqual({
      email: 'That does not look like an email address.',
      code: 'The code has six digits.',
      name: 'Fill this in.',
    });
    expect(document.activeElement).toBe(bad.elements.namedItem('email'));
  });
});
