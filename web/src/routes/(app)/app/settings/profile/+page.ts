export function load() {
  return { title: 'Profile' };
}
