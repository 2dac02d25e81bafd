import type { Toasts } from './toasts.svelte.ts';

/** Whether it was copied; if not, one is told what to do instead. */
export async function copyText(text: string, toasts: Toasts): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    toasts.show('The browser did not allow copying. Select the text and copy it yourself.', {
      tone: 'danger',
    });
    return false;
  }
}
