export function load() {
  return { title: 'API keys', wide: true };
}
