export function load() {
  return { title: 'Top up' };
}
