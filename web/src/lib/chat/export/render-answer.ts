import { flushSync, mount, unmount } from 'svelte';
import Markdown from '#lib/markdown/Markdown.svelte';

/** The markup of an answer as the chat shows it, without what can be pressed. */
export function renderAnswer(content: string): string {
  const target = document.createElement('div');
  const component = mount(Markdown, { target, props: { text: content } });
  flushSync();
  for (const control of target.querySelectorAll('button, iframe, script')) control.remove();
  for (const comment of commentsOf(target)) comment.remove();
  const html = target.innerHTML;
  void unmount(component);
  return html;
}

/** In the document, not in its text, where an attribute may look like the beginning of one. */
function commentsOf(target: Node): Comment[] {
  const walker = document.createTreeWalker(target, NodeFilter.SHOW_COMMENT);
  const comments: Comment[] = [];
  while (walker.nextNode()) comments.push(walker.currentNode as Comment);
  return comments;
}
