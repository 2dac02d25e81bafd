import type { Attachment } from 'svelte/attachments';

const callbacks = new WeakMap<Element, () => void>();
let observer: IntersectionObserver | undefined;

/** Calls back once, when the element comes near what is seen: what nobody scrolls to costs nothing. */
export function whenNear(callback: () => void): Attachment {
  return (element) => {
    observer ??= new IntersectionObserver(
      (entries) => {
        for (const { target, isIntersecting } of entries) {
          if (!isIntersecting) continue;
          observer?.unobserve(target);
          callbacks.get(target)?.();
        }
      },
      { rootMargin: '600px' },
    );
    callbacks.set(element, callback);
    observer.observe(element);
    return () => observer?.unobserve(element);
  };
}
