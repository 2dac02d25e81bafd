// How fast webhooks of payments are answered under load, and how many grants a second that makes:
// the whole stack, a signed event for each of many orders, sent by many clients at once.
import { createHmac } from 'node:crypto';
import postgres from 'postgres';
import { sandboxKeys } from '../sandbox/razorpay.ts';
import { percentile } from './open-stream.ts';
import type { Figure } from './report.ts';
import { type Layer, startStackProcess } from './stack-process.ts';

const accounts = 50;
const clients = 16;

export async function measureWebhooks(payments = 2000): Promise<Figure[]> {
  await using stack = await startStackProcess();
  const sql = postgres(stack.databaseUrl, { max: 1, onnotice: () => {} });
  try {
    await sql`
      insert into private.accounts (kind, name)
      select 'team', 'Bench ' || nth from generate_series(1, ${accounts}) as nth`;
    await sql`
      insert into private.orders (account_id, price_id, request_key, currency, amount_minor, credits_micros, razorpay_order_id)
      select team.id, prices.id, 'bench-' || nth, 'GBP', 500, prices.credits_micros, 'order_bench' || nth
      from generate_series(1, ${payments}) as nth
      join (
        select id, row_number() over (order by id) as place from private.accounts where name like 'Bench %'
      ) as team on team.place = 1 + nth % ${accounts}
      join private.prices on prices.package_id = 'starter' and prices.currency = 'GBP'`;
    const times: number[] = [];
    let next = 0;
    const before = stack.cpuByLayer('razorpay-webhook');
    const startedAt = performance.now();
    const worker = async () => {
      for (let nth = (next += 1); nth <= payments; nth = next += 1) {
        const sentAt = performance.now();
        await send(`${stack.url}/functions/v1/razorpay-webhook`, nth);
        times.push(performance.now() - sentAt);
      }
    };
    await Promise.all(Array.from({ length: clients }, worker));
    const seconds = (performance.now() - startedAt) / 1000;
    const after = stack.cpuByLayer('razorpay-webhook');
    const cpuOf = (layer: Layer) => (after[layer] - before[layer]) / payments;
    const [found] = await sql<{ grants: number }[]>`
      select count(*)::int as grants from private.transactions where fact like 'razorpay:payment:%'`;
    if (found?.grants !== payments) throw new Error(`${found?.grants} grants of ${payments}`);
    const note = `${payments} payments of ${accounts} accounts, ${clients} clients`;
    return [
      figure('webhook answered, p50', percentile(times, 0.5), 'ms', null, note),
      figure('webhook answered, p99', percentile(times, 0.99), 'ms', 500, note),
      figure('CPU a webhook, postgres', cpuOf('postgres'), 'ms', null, note),
      figure('CPU a webhook, function', cpuOf('function'), 'ms', null, note),
      { ...figure('grants by webhook', payments / seconds, '/s', null, note), better: 'higher' },
    ];
  } finally {
    await sql.end();
  }
}

function figure(
  name: string,
  value: number,
  unit: string,
  bar: number | null,
  note: string,
): Figure {
  return { name, value, unit, bar, better: 'lower', note };
}

async function send(url: string, nth: number): Promise<void> {
  const entity = {
    id: `pay_bench${String(nth).padStart(9, '0')}`,
    entity: 'payment',
    amount: 500,
    currency: 'GBP',
    status: 'captured',
    captured: true,
    order_id: `order_bench${nth}`,
    invoice_id: null,
    method: 'card',
    notes: [],
    created_at: 1_800_000_000,
  };
  const body = JSON.stringify({
    entity: 'event',
    event: 'payment.captured',
    payload: { payment: { entity } },
    created_at: 1_800_000_000,
  });
  const secret = sandboxKeys.RAZORPAY_WEBHOOK_SECRET;
  const response = await fetch(url, {
    method: 'POST',
    headers: {
      'x-razorpay-event-id': `evt_bench${nth}`,
      'x-razorpay-signature': createHmac('sha256', secret).update(body).digest('hex'),
    },
    body,
  });
  if (!response.ok) throw new Error(`${response.status} ${await response.text()}`);
  await response.body?.cancel();
}
