import { createRawSnippet } from 'svelte';
import { describe, expect, test, vi } from 'vitest';
import { render } from 'vitest-browser-svelte';
import Button from './Button.svelte';

const children = createRawSnippet(() => ({ render: () => '<span>Save</span>' }));

describe('Button', () => {
  test('is a button that submits nothing unless told to', async () => {
    const screen = await render(Button, { children });
    await expect
      .element(screen.getByRole('button', { name: 'Save' }))
      .toHaveAttribute('type', 'button');
  });

  test('with an address it is a link', async () => {
    const screen = await render(Button, { children, href: '/app' });
    await expect
      .element(screen.getByRole('link', { name: 'Save' }))
      .toHaveAttribute('href', '/app');
  });

  test('while loading it refuses clicks, says so and keeps its width', async () => {
    const onclick = vi.fn();
    const screen = await render(Button, { children, onclick });
    const button = screen.getByRole('button');
    const width = button.element().getBoundingClientRect().width;

    button.element().dispatchEvent(new MouseEvent('click', { bubbles: true }));
    expect(onclick).toHaveBeenCalledTimes(1);

    await screen.rerender({ loading: true });
    button.element().dispatchEvent(new MouseEvent('click', { bubbles: true }));
    expect(onclick).toHaveBeenCalledTimes(1);
    await expect.element(button).toHaveAttribute('aria-busy', 'true');
    await expect.element(screen.getByRole('status')).toHaveTextContent('Working');
    expect(button.element().getBoundingClientRect().width).toBe(width);
  });

  test('while loading it submits no form', async () => {
    const form = document.body.appendChild(document.createElement('form'));
    const submitted = vi.fn((event: Event) => event.preventDefault());
    form.addEventListener('submit', submitted);
    const screen = await render(Button, {
      target: form,
      props: { children, type: 'submit', loading: true },
    });
    (screen.getByRole('button').element() as HTMLButtonElement).click();
    expect(submitted).not.toHaveBeenCalled();
    form.remove();
  });
});
