/**
 * Opens a dialog as a modal one when it comes into the page. The browser then keeps the focus
 * inside, closes it on Escape, and gives the focus back to where it was. Nothing outside of it can be
 * reached, so what has to be comes along into it.
 */
export function modal(dialog: HTMLDialogElement): () => void {
  dialog.showModal();
  const reachable = document.querySelector('[data-over-modals]');
  if (reachable) dialog.append(reachable);
  return () => {
    // Removed while open it would take the focus with it.
    dialog.close();
    if (reachable?.parentElement !== dialog) return;
    const below = [...document.querySelectorAll('dialog:modal')].at(-1);
    (below ?? document.body).append(reachable);
  };
}
