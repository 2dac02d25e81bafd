import { flushSync, mount, unmount } from 'svelte';
import Markdown from '#lib/markdown/Markdown.svelte';

/** The markup of an answer as the chat shows it, without what can be pressed. */
export function renderAnswer(content: string): string {
  const target = document.createElement('div');
  const component = mount(Markdown, { target, props: { text: content } });
  flushSync();
  for (const control of target.querySelectorAll('button, iframe, script')) control.remove();
  const html = target.innerHTML.replaceAll(/<!--.*?-->/gs, '');
  void unmount(component);
  return html;
}
