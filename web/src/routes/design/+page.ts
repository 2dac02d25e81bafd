import { error } from '@sveltejs/kit';

export const ssr = false;

/** For developers: the condition is inlined, so a build holds neither the page nor its parts. */
export async function load() {
  if (import.meta.env.DEV) {
    const { default: Gallery } = await import('./Gallery.svelte');
    return { Gallery };
  }
  error(404, 'Not Found');
}
