export function load() {
  return { title: 'Home' };
}
