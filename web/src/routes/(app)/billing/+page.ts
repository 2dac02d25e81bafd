import { redirect } from '@sveltejs/kit';

/** Where notices and mails point, whatever the app's own addresses are. */
export function load() {
  redirect(307, '/app/billing');
}
