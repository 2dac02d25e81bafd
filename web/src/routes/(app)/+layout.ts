/** The session lives in the browser, so there is nothing to render before it. */
export const ssr = false;
/** A file per route all the same: a static host then answers 200, with the right policy in it. */
export const prerender = 'auto';
