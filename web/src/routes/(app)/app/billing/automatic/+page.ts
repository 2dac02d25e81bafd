export function load() {
  return { title: 'Automatic' };
}
