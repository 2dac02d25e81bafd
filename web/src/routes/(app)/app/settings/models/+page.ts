export function load() {
  return { title: 'Models' };
}
