export { skipIfSignedIn as load } from '../skip-if-signed-in.ts';
