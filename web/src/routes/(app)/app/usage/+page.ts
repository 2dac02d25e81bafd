export function load() {
  return { title: 'Usage', wide: true };
}
