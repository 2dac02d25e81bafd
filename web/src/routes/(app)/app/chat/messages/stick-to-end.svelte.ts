/** How near the end counts as being there when one comes back to it. */
const near = 8;

/**
 * Keeps a scrolled region at its end while it grows, for as long as the reader is there. Whoever
 * scrolls up is left alone until they come back to the end by themselves or ask to.
 */
export function stickToEnd() {
  let element: HTMLElement | null = null;
  let isStuck = true;
  let isAtEnd = $state(true);
  let lastTop = 0;
  let isOpening = false;

  function distance(): number {
    return element ? element.scrollHeight - element.scrollTop - element.clientHeight : 0;
  }

  function settle() {
    if (!element) return;
    if (isOpening && distance() > near) isStuck = false;
    if (isStuck) element.scrollTop = element.scrollHeight;
    lastTop = element.scrollTop;
    isAtEnd = isStuck || distance() < 120;
  }

  function heed() {
    if (!element) return;
    const isUpwards = element.scrollTop < lastTop - 1;
    if (isUpwards && distance() > near) isStuck = false;
    else if (distance() <= near) isStuck = true;
    lastTop = element.scrollTop;
    isAtEnd = isStuck || distance() < 120;
  }

  /** What the reader unfolds is read from its beginning: that it grows is no reason to leave it. */
  function unfold() {
    isOpening = true;
    // The frame that measures it comes between these two.
    requestAnimationFrame(() => requestAnimationFrame(() => (isOpening = false)));
  }

  return {
    get isAtEnd() {
      return isAtEnd;
    },

    scroller(node: HTMLElement) {
      element = node;
      node.addEventListener('scroll', heed, { passive: true });
      const observer = new ResizeObserver(settle);
      observer.observe(node);
      return () => {
        node.removeEventListener('scroll', heed);
        observer.disconnect();
        element = null;
      };
    },

    content(node: HTMLElement) {
      const observer = new ResizeObserver(settle);
      observer.observe(node);
      node.addEventListener('click', unfold, true);
      node.addEventListener('toggle', unfold, true);
      return () => {
        observer.disconnect();
        node.removeEventListener('click', unfold, true);
        node.removeEventListener('toggle', unfold, true);
      };
    },

    toEnd() {
      isStuck = true;
      isOpening = false;
      settle();
    },

    release() {
      isStuck = false;
    },

    by(pixels: number) {
      if (element) element.scrollTop += pixels;
    },
  };
}
