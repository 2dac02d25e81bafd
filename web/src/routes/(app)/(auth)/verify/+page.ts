export { knowIfSignedIn as load } from '../know-if-signed-in.ts';
