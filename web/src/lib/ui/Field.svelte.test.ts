import { createRawSnippet } from 'svelte';
import { describe, expect, test } from 'vitest';
import { render } from 'vitest-browser-svelte';
import Field, { type ControlAttributes } from './Field.svelte';

const children = createRawSnippet((control: () => ControlAttributes) => ({
  render: () => '<input />',
  setup(element) {
    const { id, ...aria } = control();
    element.id = id;
    for (const [name, value] of Object.entries(aria)) {
      if (value !== undefined) element.setAttribute(name, value);
    }
  },
}));

describe('Field', () => {
  test('its label names the control, its hint describes it', async () => {
    const screen = await render(Field, { label: 'Name', hint: 'As others see it.', children });
    const control = screen.getByLabelText('Name');
    await expect.element(control).toHaveAccessibleDescription('As others see it.');
    await expect.element(control).not.toHaveAttribute('aria-invalid');
  });

  test('an error comes before the hint and marks the control', async () => {
    const screen = await render(Field, {
      label: 'Name',
      hint: 'As others see it.',
      error: 'Fill this in.',
      children,
    });
    const control = screen.getByLabelText('Name');
    await expect.element(control).toHaveAccessibleDescription('Fill this in. As others see it.');
    await expect.element(control).toHaveAttribute('aria-invalid', 'true');
  });

  test('two on one page do not share ids', async () => {
    const first = await render(Field, { label: 'First', children });
    const second = await render(Field, { label: 'Second', children });
    expect(first.getByLabelText('First').element().id).not.toBe(
      second.getByLabelText('Second').element().id,
    );
  });
});
