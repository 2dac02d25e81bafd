// A stack of its own with customers who call the gateway.
import postgres from 'postgres';
import { type Customer, makeCustomer } from '../gateway/customer.ts';
import { type StackProcess, startStackProcess } from './stack-process.ts';

export interface GatewayTarget extends AsyncDisposable {
  url: string;
  /** The same without the stack's one origin between, as a published gateway is called. */
  functionUrl: string;
  upstreamUrl: string;
  /** Some of a bench's calls must wait for others of their account; those of another need not. */
  customers: Customer[];
  stack: StackProcess;
}

export async function startGatewayTarget(accounts: number): Promise<GatewayTarget> {
  const stack = await startStackProcess();
  try {
    await fetch(`${stack.url}/functions/v1/jobs`, {
      method: 'POST',
      headers: { apikey: stack.secretKey },
      body: JSON.stringify({ task: 'sync-models' }),
    });
    const sql = postgres(stack.databaseUrl, { max: 1, onnotice: () => {} });
    const customers: Customer[] = [];
    for (let made = 0; made < accounts; made += 1) {
      const customer = await makeCustomer({ ...stack, sql }, { credits: 1e9, plan: 'enterprise' });
      customers.push(customer);
      // A bench asks more of an account than a plan allows, and its limits are to be counted all the same.
      await sql`insert into private.limit_overrides (subject_id, account_id, requests_per_minute, reason)
        values (${customer.accountId}, ${customer.accountId}, 2000000000, 'bench')`;
    }
    await sql.end();
    return {
      url: `${stack.url}/functions/v1/gateway/v1`,
      functionUrl: `${stack.addressOf('gateway')}/gateway/v1`,
      upstreamUrl: stack.env['OPENROUTER_BASE_URL'] as string,
      customers,
      stack,
      [Symbol.asyncDispose]: stack.stop,
    };
  } catch (error) {
    await stack.stop();
    throw error;
  }
}
