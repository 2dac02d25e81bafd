import { createRawSnippet } from 'svelte';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { userEvent } from 'vitest/browser';
import { render } from 'vitest-browser-svelte';
import Dialog from './Dialog.svelte';

const children = createRawSnippet(() => ({ render: () => '<input aria-label="Name" />' }));

function buttonOutside(): HTMLButtonElement {
  const button = document.body.appendChild(document.createElement('button'));
  button.id = 'outside';
  button.focus();
  return button;
}

describe('Dialog', () => {
  afterEach(() => document.getElementById('outside')?.remove());

  test('is named by its title, described, and starts in its first field', async () => {
    const screen = await render(Dialog, {
      title: 'Rename',
      description: 'The key stays the same.',
      children,
      open: true,
    });
    const dialog = screen.getByRole('dialog', { name: 'Rename' });
    await expect.element(dialog).toHaveAccessibleDescription('The key stays the same.');
    await expect.element(screen.getByLabelText('Name')).toHaveFocus();
  });

  test('Tab never reaches the page behind it', async () => {
    const outside = buttonOutside();
    const screen = await render(Dialog, { title: 'Rename', children, open: true });
    await expect.element(screen.getByLabelText('Name')).toHaveFocus();
    const visited = new Set<Element | null>();
    for (let press = 0; press < 6; press++) {
      await userEvent.keyboard('{Tab}');
      visited.add(document.activeElement);
    }
    expect(visited).toContain(screen.getByRole('button', { name: 'Close' }).element());
    expect(visited).not.toContain(outside);
  });

  test('Escape closes it, says so once, and gives the focus back', async () => {
    const outside = buttonOutside();
    const onclose = vi.fn();
    const screen = await render(Dialog, { title: 'Rename', children, open: true, onclose });
    await expect.element(screen.getByLabelText('Name')).toHaveFocus();
    await userEvent.keyboard('{Escape}');
    await expect.element(screen.getByRole('dialog')).not.toBeInTheDocument();
    expect(onclose).toHaveBeenCalledTimes(1);
    expect(document.activeElement).toBe(outside);
  });

  test('nothing closes it while it is busy, however often one tries', async () => {
    const onclose = vi.fn();
    const screen = await render(Dialog, {
      title: 'Rotate',
      children,
      open: true,
      busy: true,
      onclose,
    });
    await expect.element(screen.getByLabelText('Name')).toHaveFocus();
    await userEvent.keyboard('{Escape}{Escape}{Escape}');
    await expect.element(screen.getByRole('button', { name: 'Close' })).toBeDisabled();
    // The browser's own way, which asks nobody.
    (screen.getByRole('dialog').element() as HTMLDialogElement).close();
    await expect.element(screen.getByRole('dialog')).toBeVisible();
    expect(onclose).not.toHaveBeenCalled();
    await screen.rerender({ busy: false });
    await userEvent.keyboard('{Escape}');
    await expect.element(screen.getByRole('dialog')).not.toBeInTheDocument();
    expect(onclose).toHaveBeenCalledTimes(1);
  });

  test('its own button closes it, and says so once', async () => {
    const onclose = vi.fn();
    const screen = await render(Dialog, { title: 'Rename', children, open: true, onclose });
    await screen.getByRole('button', { name: 'Close' }).click();
    await expect.element(screen.getByRole('dialog')).not.toBeInTheDocument();
    expect(onclose).toHaveBeenCalledTimes(1);
  });
});
