import { redirect } from '@sveltejs/kit';

/** Chat is what one comes for. */
export function load() {
  redirect(307, '/app/chat');
}
