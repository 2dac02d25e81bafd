import { getToasts } from './toasts.svelte.ts';

/**
 * For code that comes when it is wanted. If it does not come one is told, and what waits for it
 * closes, so that choosing it again tries again. After a deploy only a reload finds the new files.
 */
export function lateCode() {
  const toasts = getToasts();
  return <Code>(code: Promise<Code>, close?: () => void): Promise<Code> =>
    code.catch(() => {
      const action = { label: 'Reload', run: () => location.reload() };
      toasts.show('This part could not be loaded.', { tone: 'danger', action });
      close?.();
      return new Promise(() => {});
    });
}
