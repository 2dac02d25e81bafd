import { buildSite } from './build-site.ts';
import { serveSite } from './serve.ts';
import { startStack } from './stack.ts';

/** A stack and a site of the tests' own, on free ports, gone when the tests are. */
export default async function globalSetup(): Promise<() => Promise<void>> {
  await using parts = new AsyncDisposableStack();
  const stack = parts.use(await startStack());
  const site = parts.use(await buildSite(stack));
  parts.defer(await serveSite(site.directory, stack.ports.site));

  process.env['E2E_SITE_URL'] = stack.siteUrl;
  process.env['E2E_SITE_DIRECTORY'] = site.directory;
  process.env['E2E_API_URL'] = stack.url;
  process.env['E2E_MAIL_URL'] = stack.mailUrl;
  process.env['E2E_DATABASE_URL'] = stack.databaseUrl;
  process.env['E2E_RAZORPAY_URL'] = stack.checkoutUrl;
  process.env['E2E_PUBLISHABLE_KEY'] = stack.publishableKey;

  const running = parts.move();
  return () => running.disposeAsync();
}
