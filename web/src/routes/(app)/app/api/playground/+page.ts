export function load() {
  return { title: 'Playground', wide: true };
}
