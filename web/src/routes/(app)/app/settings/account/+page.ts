export function load() {
  return { title: 'Account' };
}
