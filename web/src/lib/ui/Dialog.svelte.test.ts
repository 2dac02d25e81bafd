import { createRawSnippet } from 'svelte';
import { describe, expect, test, vi } from 'vitest';
import { userEvent } from 'vitest/browser';
import { render } from 'vitest-browser-svelte';
import Dialog from './Dialog.svelte';

const children = createRawSnippet(() => ({ render: () => '<input aria-label="Name" />' }));

describe('Dialog', () => {
  test('is named by its title and takes the focus', async () => {
    const screen = await render(Dialog, { title: 'Rename', children, open: true });
    await expect.element(screen.getByRole('dialog', { name: 'Rename' })).toBeVisible();
    await vi.waitFor(() => {
      expect(screen.getByRole('dialog').element().contains(document.activeElement)).toBe(true);
    });
  });

  test('Tab stays inside', async () => {
    const screen = await render(Dialog, { title: 'Rename', children, open: true });
    await expect.element(screen.getByRole('dialog')).toBeVisible();
    for (let press = 0; press < 5; press++) {
      await userEvent.keyboard('{Tab}');
      expect(screen.getByRole('dialog').element().contains(document.activeElement)).toBe(true);
    }
  });

  test('Escape closes it and says so', async () => {
    const onclose = vi.fn();
    const screen = await render(Dialog, { title: 'Rename', children, open: true, onclose });
    await expect.element(screen.getByRole('dialog')).toBeVisible();
    await userEvent.keyboard('{Escape}');
    await expect.element(screen.getByRole('dialog')).not.toBeInTheDocument();
    expect(onclose).toHaveBeenCalledTimes(1);
  });
});
