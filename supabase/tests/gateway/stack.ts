// One stack for all the tests of the gateway: everything is real but the models.
import type { TestProject } from 'vitest/node';
import { startStack } from '../../../scripts/stack/stack.ts';

export interface GatewayStack {
  url: string;
  publishableKey: string;
  secretKey: string;
  databaseUrl: string;
  sandboxUrl: string;
}

declare module 'vitest' {
  interface ProvidedContext {
    gatewayStack: GatewayStack;
  }
}

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const stack = await startStack();
  await fetch(`${stack.url}/functions/v1/jobs`, {
    method: 'POST',
    headers: { apikey: stack.secretKey },
    body: JSON.stringify({ task: 'sync-models' }),
  });
  project.provide('gatewayStack', {
    url: stack.url,
    publishableKey: stack.publishableKey,
    secretKey: stack.secretKey,
    databaseUrl: stack.databaseUrl,
    sandboxUrl: new URL(stack.env['OPENROUTER_BASE_URL']!).origin,
  });
  return () => stack.stop();
}
