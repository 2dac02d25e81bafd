import { createRawSnippet, flushSync } from 'svelte';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { render } from 'vitest-browser-svelte';
import Dialog from './Dialog.svelte';
import ToastRegion from './ToastRegion.svelte';
import { Toasts } from './toasts.svelte.ts';

describe('ToastRegion', () => {
  beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] }));
  afterEach(() => void vi.useRealTimers());

  test('the live region is there before the first toast', async () => {
    const screen = await render(ToastRegion, { toasts: new Toasts() });
    expect(screen.getByRole('status').elements()).toHaveLength(1);
  });

  test('it can be reached over every dialog, and is there when they are gone', async () => {
    const screen = await render(ToastRegion, { toasts: new Toasts() });
    const region = screen.getByRole('region', { name: 'Notifications' }).element();
    const children = createRawSnippet(() => ({ render: () => '<p>Words</p>' }));
    const open = (title: string) => render(Dialog, { title, children, open: true });
    const lower = await open('Lower');
    const upper = await open('Upper');
    expect(region.closest('dialog')).toHaveAccessibleName('Upper');
    await upper.rerender({ open: false });
    expect(region.closest('dialog')).toHaveAccessibleName('Lower');
    await lower.rerender({ open: false });
    expect(region.isConnected).toBe(true);
    expect(region.closest('dialog')).toBeNull();
  });

  test('a toast leaves after its while', async () => {
    const toasts = new Toasts();
    await render(ToastRegion, { toasts, stayMs: 6000 });
    toasts.show('Saved.');
    flushSync();
    vi.advanceTimersByTime(5999);
    expect(toasts.items).toHaveLength(1);
    vi.advanceTimersByTime(1);
    expect(toasts.items).toHaveLength(0);
  });

  test('a toast under the pointer stays until the pointer is gone', async () => {
    const toasts = new Toasts();
    const screen = await render(ToastRegion, { toasts, stayMs: 6000 });
    toasts.show('Saved.');
    flushSync();
    const toast = screen.getByText('Saved.').element().parentElement!;
    toast.dispatchEvent(new PointerEvent('pointerenter'));
    vi.advanceTimersByTime(60_000);
    expect(toasts.items).toHaveLength(1);
    toast.dispatchEvent(new PointerEvent('pointerleave'));
    vi.advanceTimersByTime(6000);
    expect(toasts.items).toHaveLength(0);
  });

  test('its action runs once and dismisses it', async () => {
    const toasts = new Toasts();
    const run = vi.fn();
    const screen = await render(ToastRegion, { toasts });
    toasts.show('Gone.', { action: { label: 'Undo', run } });
    await screen.getByRole('button', { name: 'Undo' }).click();
    expect(run).toHaveBeenCalledTimes(1);
    expect(toasts.items).toHaveLength(0);
  });
});
