import { assertEquals } from '../_shared/testing.ts';
import { fetchInvoice, pageOf } from './invoice.ts';

const invoice = {
  number: 7,
  description: 'Pro plan',
  status: 'paid',
  currency: 'GBP',
  amount_minor: 1200,
  tax_name: 'VAT',
  tax_percent: 20,
  tax_minor: 200,
  billing: { name: '<script>alert(1)</script>', address: 'One Road\nTown', tax_number: 'GB1' },
  period_start: '2027-01-01 00:00:00+00',
  period_end: '2027-02-01 00:00:00+00',
  paid_at: '2027-01-01 00:00:00+00',
  payment_id: 'pay_1',
};

const deps = (rows: unknown, status = 200) => ({
  env: { supabaseUrl: 'http://api', publishableKey: 'public', secretKey: 'secret' },
  bearer: 'their-token',
  fetch: (_: unknown, init?: RequestInit) => {
    assertEquals(new Headers(init?.headers).get('authorization'), 'Bearer their-token');
    return Promise.resolve(Response.json(rows, { status }));
  },
});

const ask = (rows: unknown) =>
  fetchInvoice(deps(rows) as unknown as Parameters<typeof fetchInvoice>[0], 'an-id').catch(
    (error: { code?: string }) => error.code,
  );

Deno.test(
  'an invoice says what was bought, the tax within it and who paid, and runs nothing',
  () => {
    const page = pageOf(invoice);
    for (const words of [
      'Invoice 7',
      '£10.00',
      'VAT 20 %',
      '£2.00',
      '£12.00',
      'One Road<br>Town',
    ]) {
      assertEquals([words, page.includes(words)], [words, true]);
    }
    assertEquals(page.includes('<script>'), false);
  },
);

Deno.test("somebody else's invoice is not there, and one without a number not ready", async () => {
  assertEquals(await ask([]), 'not_found');
  assertEquals(await ask([{ ...invoice, number: null }]), 'conflict');
});
