/** What the tests use of the stack. */
export interface Stack extends AsyncDisposable {
  url: string;
  siteUrl: string;
  mailUrl: string;
  databaseUrl: string;
  checkoutUrl: string;
  publishableKey: string;
  ports: { site: number; razorpay: number };
}

interface DevelopmentSite {
  url: string;
  stop(): Promise<void>;
}

// Typed here, not there: the stack is written for Node alone, and does not compile beside the
// browser's types that these tests need.
const scripts = '../../scripts/stack';

export async function startStack(): Promise<Stack> {
  const module = await import(`${scripts}/stack.ts`);
  return module.startStack();
}

export async function startDevelopmentSite(options: {
  port: number;
  env: Record<string, string>;
  alert: (message: string) => void;
}): Promise<DevelopmentSite> {
  const module = await import(`${scripts}/site.ts`);
  return module.startSite(options);
}
