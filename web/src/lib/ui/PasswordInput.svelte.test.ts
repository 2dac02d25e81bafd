import { describe, expect, test } from 'vitest';
import { render } from 'vitest-browser-svelte';
import PasswordInput from './PasswordInput.svelte';

describe('PasswordInput', () => {
  test('hides what is typed until asked, and again', async () => {
    const screen = await render(PasswordInput, { 'aria-label': 'Password', value: 'secret' });
    const field = screen.getByLabelText('Password', { exact: true });
    await expect.element(field).toHaveAttribute('type', 'password');
    await screen.getByRole('button', { name: 'Show password' }).click();
    await expect.element(field).toHaveAttribute('type', 'text');
    await expect.element(field).toHaveValue('secret');
    await screen.getByRole('button', { name: 'Hide password' }).click();
    await expect.element(field).toHaveAttribute('type', 'password');
  });
});
