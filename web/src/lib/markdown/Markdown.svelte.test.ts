import { flushSync, tick } from 'svelte';
import { expect, test } from 'vitest';
import { render } from 'vitest-browser-svelte';
import Markdown from './Markdown.svelte';

const paragraphs = Array.from({ length: 300 }, (_, at) => `Paragraph ${at} of an answer.`);

/** An answer as a page shows it, and what that page was told of it each time that it changed. */
async function show(text: string, streaming: boolean) {
  let drawn = $state(0);
  const props = $state({
    text,
    streaming,
    get drawn() {
      return drawn;
    },
    set drawn(count: number) {
      drawn = count;
    },
  });
  const { container } = await render(Markdown, { props });
  return { props, shown: () => container.textContent ?? '' };
}

test('a text that is whole is drawn at once, and so is what it is replaced by', async () => {
  const { props, shown } = await show('One text.', false);
  expect(shown()).toContain('One text.');
  expect(props.drawn).toBe(props.text.length);
  props.text = 'Another, longer text.';
  flushSync();
  expect(shown()).toContain('Another, longer text.');
  expect(props.drawn).toBe(props.text.length);
});

test('the rest of a stream that has ended is drawn in frames, and never told before it is there', async () => {
  const { props, shown } = await show('', true);
  props.text = paragraphs.join('\n\n');
  flushSync();
  props.streaming = false;
  flushSync();
  expect(props.drawn).toBe(0);
  while (props.drawn < props.text.length) {
    expect(shown()).not.toContain(paragraphs.at(-1));
    await new Promise((resolve) => requestAnimationFrame(resolve));
    await tick();
  }
  expect(shown()).toContain(paragraphs.at(-1));
});

const frame = async () => {
  await new Promise((resolve) => requestAnimationFrame(resolve));
  await tick();
};

test('the first words of a stream are drawn in the next frame, what follows in every second one', async () => {
  const { props, shown } = await show('', true);
  props.text = 'First words.';
  flushSync();
  await frame();
  expect(shown()).toContain('First words.');
  props.text += ' And others.';
  flushSync();
  await frame();
  expect(shown()).not.toContain('And others.');
  await frame();
  expect(shown()).toContain('First words. And others.');
  expect(props.drawn).toBe(props.text.length);
});

test('a text that begins anew after it was read and before it was drawn is drawn as the new one', async () => {
  const { props, shown } = await show('', true);
  props.text = paragraphs.join('\n\n');
  flushSync();
  await frame();
  await frame();
  const before = props.drawn;
  expect(before).toBeGreaterThan(0);
  props.text = 'Another beginning.';
  flushSync();
  for (let count = 0; count < 3; count += 1) await frame();
  expect(shown().trim()).toBe('Another beginning.');
  expect(props.drawn).toBe(props.text.length);
});
