export function load() {
  return { title: 'Security' };
}
