import { corsHeaders } from '../_shared/cors.ts';
import { failure, fromDatabase } from '../_shared/errors.ts';
import type { BillingDeps } from './handler.ts';

interface Invoice {
  number: number | null;
  description: string;
  status: string;
  currency: string;
  amount_minor: number;
  tax_name: string;
  tax_percent: number;
  tax_minor: number;
  billing: { name?: string; email?: string; address?: string; tax_number?: string };
  period_start: string | null;
  period_end: string | null;
  paid_at: string | null;
  payment_id: string | null;
}

/** An invoice as a page that prints: read as the caller, so that row level security decides. */
export async function fetchInvoice(
  { env, fetch, bearer }: BillingDeps & { bearer: string },
  id: string,
): Promise<Response> {
  const answer = await fetch(`${env.supabaseUrl}/rest/v1/invoices?id=eq.${id}`, {
    headers: {
      apikey: env.publishableKey,
      authorization: `Bearer ${bearer}`,
      'accept-profile': 'api',
    },
    signal: AbortSignal.timeout(10_000),
  });
  const rows = (await answer.json()) as Invoice[];
  if (!answer.ok) throw fromDatabase(answer.status, rows as never);
  const [invoice] = rows;
  if (!invoice) throw failure('not_found', 'There is no such invoice.');
  if (invoice.status !== 'paid' || invoice.number === null) {
    throw failure('conflict', 'This invoice has no number yet.', 'Try again in a few seconds.');
  }
  return new Response(pageOf(invoice), {
    headers: {
      ...corsHeaders,
      'content-type': 'text/html; charset=utf-8',
      'content-disposition': `attachment; filename="oneai-invoice-${invoice.number}.html"`,
      'cache-control': 'no-store',
    },
  });
}

export function pageOf(invoice: Invoice): string {
  const { billing, currency } = invoice;
  const money = (minor: number) =>
    new Intl.NumberFormat('en', { style: 'currency', currency }).format(minor / 100);
  const day = (at: string | null) => at?.slice(0, 10) ?? '';
  const period = invoice.period_start
    ? ` (${day(invoice.period_start)} to ${day(invoice.period_end)})`
    : '';
  const rows: [string, string][] = [
    [`${invoice.description}${period}`, money(invoice.amount_minor - invoice.tax_minor)],
    ...(invoice.tax_minor > 0
      ? ([[`${invoice.tax_name} ${invoice.tax_percent} %`, money(invoice.tax_minor)]] as [
          string,
          string,
        ][])
      : []),
    ['Total, paid', money(invoice.amount_minor)],
  ];
  const buyer = [billing.name, billing.address, billing.email, billing.tax_number]
    .filter((line): line is string => Boolean(line))
    .map((line) => escape(line).replaceAll('\n', '<br>'));
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>Invoice ${invoice.number}</title>
<style>
body { font: 15px/1.5 system-ui, sans-serif; max-width: 42rem; margin: 3rem auto; padding: 0 1rem; color: #18181b; }
table { width: 100%; border-collapse: collapse; margin: 2rem 0; }
td { padding: 0.5rem 0; border-bottom: 1px solid #e4e4e7; }
td:last-child { text-align: right; font-variant-numeric: tabular-nums; }
tr:last-child td { font-weight: 600; border-bottom: 0; }
</style>
</head>
<body>
<h1>Invoice ${invoice.number}</h1>
<p>${day(invoice.paid_at)}</p>
<p>${buyer.join('<br>')}</p>
<table>
${rows.map(([what, sum]) => `<tr><td>${escape(what)}</td><td>${escape(sum)}</td></tr>`).join('\n')}
</table>
<p>Payment ${escape(invoice.payment_id ?? '')}</p>
</body>
</html>
`;
}

function escape(text: string): string {
  return text.replace(/[&<>"']/g, (sign) => `&#${sign.charCodeAt(0)};`);
}
