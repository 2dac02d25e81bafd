import { errorCodes } from '../../../../../supabase/functions/gateway/api-error.ts';
import { openApi } from '../../../../../supabase/functions/gateway/openapi.ts';
import { readReference } from './read-reference.ts';

/** Read when the site is built: the document itself never comes to the browser. */
export function load() {
  return { reference: readReference(openApi), codes: errorCodes() };
}
