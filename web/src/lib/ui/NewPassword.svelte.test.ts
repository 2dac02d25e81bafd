import { describe, expect, test } from 'vitest';
import { render } from 'vitest-browser-svelte';
import { formProblems } from '#lib/form-problems.ts';
import NewPassword from './NewPassword.svelte';

describe('NewPassword', () => {
  for (const [what, longest] of [
    ['letters', 'a'.repeat(72)],
    ['letters of two bytes', 'é'.repeat(36)],
    ['emoji', '🦊'.repeat(18)],
  ] as const) {
    test(`${what} up to 72 bytes are taken, and one more is not`, async () => {
      const form = document.createElement('form');
      document.body.append(form);
      const screen = await render(NewPassword, { target: form, props: { label: 'Password' } });
      const field = screen.getByLabelText('Password', { exact: true });
      await field.fill(longest);
      expect(formProblems(form)).toEqual({});
      await field.fill(`${longest}a`);
      const said = 'Use at most 72 characters; an accent or an emoji counts as several.';
      await expect.element(screen.getByText(said)).toBeVisible();
      await expect.element(field).toHaveAttribute('aria-invalid', 'true');
      expect(formProblems(form)).toEqual({ password: said });
      form.remove();
    });
  }
});
