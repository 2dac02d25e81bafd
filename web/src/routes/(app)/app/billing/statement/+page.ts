export function load() {
  return { title: 'Statement' };
}
