export function load() {
  return { title: 'Plans' };
}
