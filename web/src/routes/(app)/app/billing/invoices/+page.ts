export function load() {
  return { title: 'Invoices' };
}
