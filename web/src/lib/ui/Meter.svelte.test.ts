import { describe, expect, test } from 'vitest';
import { render } from 'vitest-browser-svelte';
import Meter from './Meter.svelte';

const width = () => document.querySelector('[role=meter] rect')?.getAttribute('width');

describe('Meter', () => {
  test('draws the share, and never outside itself', async () => {
    const screen = await render(Meter, {
      label: 'Credits',
      value: 38,
      max: 100,
      text: '38 of 100',
    });
    const meter = screen.getByRole('meter', { name: 'Credits' });
    await expect.element(meter).toHaveAttribute('aria-valuetext', '38 of 100');
    expect(width()).toBe('38%');
    await screen.rerender({ value: 700 });
    expect(width()).toBe('100%');
    await screen.rerender({ value: -1 });
    expect(width()).toBe('0%');
  });

  test('an allowance of nothing is empty, not an error', async () => {
    await render(Meter, { label: 'Credits', value: 0, max: 0, text: 'None' });
    expect(width()).toBe('0%');
  });
});
