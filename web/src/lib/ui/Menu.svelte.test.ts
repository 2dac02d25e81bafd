import { beforeEach, describe, expect, test, vi } from 'vitest';
import { page, userEvent } from 'vitest/browser';
import { render } from 'vitest-browser-svelte';
import SortMenu from './fixtures/SortMenu.svelte';

const onselect = vi.fn();
const trigger = page.getByRole('button', { name: 'More' });
const focused = () => document.activeElement?.textContent?.trim();

describe('Menu', () => {
  beforeEach(async () => {
    onselect.mockClear();
    await render(SortMenu, { onselect });
  });

  test('opens on a click, says so, and is named by its button', async () => {
    await expect.element(trigger).toHaveAttribute('aria-expanded', 'false');
    await trigger.click();
    await expect.element(page.getByRole('menu', { name: 'More' })).toBeVisible();
    await expect.element(trigger).toHaveAttribute('aria-expanded', 'true');
    await expect.poll(focused).toBe('Rename');
  });

  test('makes its items in the moment it is first opened, and keeps them', async () => {
    const made = () => document.querySelectorAll('[role^=menuitem]').length;
    expect(made()).toBe(0);
    (trigger.element() as HTMLElement).click();
    expect(made()).toBe(5);
    await userEvent.keyboard('{Escape}');
    expect(made()).toBe(5);
  });

  test('lies under its button', async () => {
    await trigger.click();
    await Promise.all(document.getAnimations().map((animation) => animation.finished));
    const menu = page.getByRole('menu').element().getBoundingClientRect();
    const button = trigger.element().getBoundingClientRect();
    expect(menu.top).toBeGreaterThanOrEqual(button.bottom);
    expect(menu.top).toBeLessThan(button.bottom + 12);
    expect(menu.left).toBeCloseTo(button.left, 0);
  });

  test('arrows walk round and skip what is disabled; Home, End and letters jump', async () => {
    (trigger.element() as HTMLElement).focus();
    await userEvent.keyboard('{ArrowDown}');
    await expect.poll(focused).toBe('Rename');
    await userEvent.keyboard('{ArrowDown}');
    expect(focused()).toBe('Newest');
    await userEvent.keyboard('{ArrowUp}{ArrowUp}');
    expect(focused()).toBe('Delete');
    await userEvent.keyboard('{ArrowDown}');
    expect(focused()).toBe('Rename');
    await userEvent.keyboard('{End}');
    expect(focused()).toBe('Delete');
    await userEvent.keyboard('{Home}');
    expect(focused()).toBe('Rename');
    await userEvent.keyboard('d');
    expect(focused()).toBe('Dearest');
    await userEvent.keyboard('d');
    expect(focused()).toBe('Delete');
  });

  test('a key pressed right after opening is not lost', () => {
    const button = trigger.element() as HTMLButtonElement;
    const press = (key: string) =>
      document.activeElement?.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true }));
    button.focus();
    button.click();
    press('End');
    expect(focused()).toBe('Delete');
  });

  test('a choice by keyboard runs once, closes it and gives the focus back', async () => {
    (trigger.element() as HTMLElement).focus();
    await userEvent.keyboard('{Enter}');
    await expect.poll(focused).toBe('Rename');
    await userEvent.keyboard('{Enter}');
    expect(onselect.mock.calls).toEqual([['rename']]);
    await expect.element(page.getByRole('menu')).not.toBeInTheDocument();
    expect(document.activeElement).toBe(trigger.element());
  });

  test('one of a group says whether it is chosen, and may keep the menu open', async () => {
    await trigger.click();
    const chosen = page.getByRole('menuitemradio', { name: 'Newest' });
    await expect.element(chosen).toHaveAttribute('aria-checked', 'true');
    await page.getByRole('menuitemradio', { name: 'Dearest' }).click();
    expect(onselect.mock.calls).toEqual([['dearest']]);
    await expect.element(page.getByRole('menu')).toBeVisible();
  });

  test('what is disabled does nothing', async () => {
    await trigger.click();
    await page.getByRole('menuitem', { name: 'Export' }).click({ force: true });
    expect(onselect).not.toHaveBeenCalled();
    await expect.element(page.getByRole('menu')).toBeVisible();
  });

  test('Escape closes it, and so does leaving it with Tab', async () => {
    await trigger.click();
    await userEvent.keyboard('{Escape}');
    await expect.element(page.getByRole('menu')).not.toBeInTheDocument();
    expect(document.activeElement).toBe(trigger.element());
    await userEvent.keyboard('{Enter}');
    await expect.poll(focused).toBe('Rename');
    await userEvent.keyboard('{Tab}');
    await expect.element(page.getByRole('menu')).not.toBeInTheDocument();
    expect(focused()).toBe('After');
  });
});
