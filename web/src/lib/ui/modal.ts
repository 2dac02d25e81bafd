/**
 * Opens a dialog as a modal one when it comes into the page. The browser then keeps the focus
 * inside, closes it on Escape, and gives the focus back to where it was.
 */
export function modal(dialog: HTMLDialogElement): () => void {
  dialog.showModal();
  // Removed while open it would take the focus with it.
  return () => dialog.close();
}
