import { error } from '@sveltejs/kit';

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** The page of a new chat is a file like every other; those of conversations come from the fallback. */
export const entries = () => [{}];

export function load({ params, url }) {
  const id = params.id ?? null;
  if (id !== null && !uuid.test(id)) error(404);
  return {
    title: id ? 'Chat' : 'New chat',
    fills: true,
    id,
    isTemporary: id === null && url.searchParams.has('temporary'),
  };
}
