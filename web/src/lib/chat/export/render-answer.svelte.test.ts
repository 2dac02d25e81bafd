import { expect, onTestFinished, test, vi } from 'vitest';
import { renderAnswer } from './render-answer.ts';

/** Browsers before 2025 write `<` and `>` in an attribute as they are. */
function writeAttributesAsBefore(): void {
  const { get } = Object.getOwnPropertyDescriptor(Element.prototype, 'innerHTML')!;
  const asBefore = (value: string) => value.replaceAll('&lt;', '<').replaceAll('&gt;', '>');
  const spy = vi.spyOn(Element.prototype, 'innerHTML', 'get');
  spy.mockImplementation(function (this: Element) {
    return (get!.call(this) as string).replaceAll(/="[^"]*"/g, asBefore);
  });
  onTestFinished(() => spy.mockRestore());
}

test('what looks like a comment in a text or an attribute stays, and no comment does', () => {
  writeAttributesAsBefore();
  const html = renderAnswer(
    '| `<!--` | last |\n| --- | --- |\n| first | `-->` |\n\n`<!-- said -->`',
  );
  const page = new DOMParser().parseFromString(html, 'text/html');
  const cells = [...page.querySelectorAll('th, td')].map((cell) => cell.textContent);
  expect(cells).toEqual(['<!--', 'last', 'first', '-->']);
  expect(page.querySelector('[aria-label]')?.ariaLabel).toBe('Table: <!--, last');
  expect(page.body.textContent).toContain('<!-- said -->');
  expect(page.createTreeWalker(page, NodeFilter.SHOW_COMMENT).nextNode()).toBe(null);
});
