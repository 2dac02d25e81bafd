export function load() {
  return { title: 'Billing' };
}
