/**
 * Something lies over the page and takes the keys for itself. It looks through the whole page, so it
 * is asked where that matters, never for each key that is typed.
 */
export function isCovered(): boolean {
  return document.querySelector('dialog[open], [popover]:popover-open') !== null;
}
