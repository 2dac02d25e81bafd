// Photographs every page, light and dark, on a desk and on a phone, into test-results/screens/.
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { chromium, type Page } from '@playwright/test';
import { buildSite } from './build-site.ts';
import { chromium as ours } from './chromium.ts';
import { serveSite } from './serve.ts';
import { startDevelopmentSite, startStack } from './stack.ts';

const target = join(import.meta.dirname, '../../test-results/screens');
const person = { email: 'asha@example.com', password: 'correct horse battery' };

type Shot = [name: string, path: string, prepare?: (page: Page) => Promise<void>];

const outside: Shot[] = [
  ['landing', '/'],
  ['pricing', '/pricing'],
  ['signin', '/signin'],
  ['signin-ended', '/signin?ended&next=/app'],
  ['signin-wrong', '/signin', signInWrongly],
  ['signup', '/signup'],
  ['signup-errors', '/signup', submitEmpty],
  ['verify', '/verify'],
  ['reset', '/reset'],
  ['reset-confirm', '/reset/confirm'],
  ['callback', '/auth/callback'],
  ['reference', '/reference'],
  ['404', '/no/such/page'],
];

const inside: Shot[] = [
  ['app', '/app/chat'],
  ['app-menu', '/app/settings/profile', openMenu],
  ['app-loading', '/app/chat', holdData],
  ['app-unreachable', '/app/chat', refuseData],
  ['keys', '/app/api/keys'],
  ['playground', '/app/api/playground'],
  ['usage', '/app/usage'],
  ['profile', '/app/settings/profile'],
  ['profile-saved', '/app/settings/profile', saveName],
  ['security', '/app/settings/security'],
  ['security-dialog', '/app/settings/security', openDialog],
  ['account', '/app/settings/account'],
  ['billing', '/app/billing'],
  ['billing-plans', '/app/billing/plans'],
  ['billing-top-up', '/app/billing/top-up'],
  ['billing-automatic', '/app/billing/automatic'],
  ['billing-invoices', '/app/billing/invoices'],
  ['billing-statement', '/app/billing/statement'],
  // Last, because a narrowed sidebar stays so.
  ['app-drawer', '/app/chat', openDrawer],
];

const workshop: Shot[] = [
  ['design', '/design'],
  ['design-menu', '/design', (page) => page.getByRole('button', { name: 'Open a menu' }).click()],
  [
    'design-dialog',
    '/design',
    (page) => page.getByRole('button', { name: 'Open a dialog' }).click(),
  ],
];

async function signInWrongly(page: Page) {
  await page.getByLabel('Email').fill(person.email);
  await page.getByLabel('Password', { exact: true }).fill('not the password');
  await page.getByRole('button', { name: 'Sign in', exact: true }).click();
  await page.getByRole('alert').waitFor();
}

async function submitEmpty(page: Page) {
  await page.getByLabel('Email').fill('nobody');
  await page.getByRole('button', { name: 'Create account' }).click();
}

async function openMenu(page: Page) {
  await page.getByRole('button', { name: /^You:/ }).filter({ visible: true }).click();
  await page.getByRole('menuitem', { name: 'Sign out' }).waitFor();
}

async function openDrawer(page: Page) {
  const button = page.getByRole('button', { name: 'Open the menu' });
  if (await button.isVisible()) await button.click();
  else await page.getByRole('button', { name: 'Narrow the sidebar' }).click();
}

async function holdData(page: Page) {
  await page.route('**/rest/v1/**', () => {});
  await page.reload();
  await page.getByText('Loading').waitFor();
}

async function refuseData(page: Page) {
  await page.route('**/rest/v1/**', (route) => route.abort());
  await page.reload();
  await page.getByRole('alert').waitFor();
}

async function saveName(page: Page) {
  await page.getByRole('button', { name: 'Save name' }).click();
  await page.getByText('Your name is saved.').waitFor();
}

async function openDialog(page: Page) {
  await page.getByRole('button', { name: 'Sign out everywhere' }).click();
  await page.getByRole('dialog').waitFor();
}

await using parts = new AsyncDisposableStack();
const stack = parts.use(await startStack());
const built = parts.use(await buildSite(stack));
parts.defer(await serveSite(built.directory, stack.ports.site));
const workshopSite = await startDevelopmentSite({
  port: stack.ports.razorpay + 1,
  alert: console.error,
  env: {
    PUBLIC_SUPABASE_URL: stack.url,
    PUBLIC_SUPABASE_PUBLISHABLE_KEY: stack.publishableKey,
  },
});
parts.defer(() => workshopSite.stop());

const browser = await chromium.launch(ours());
parts.defer(() => browser.close());

await rm(target, { recursive: true, force: true });
await mkdir(target, { recursive: true });
const signedUp = await fetch(`${stack.url}/auth/v1/signup`, {
  method: 'POST',
  headers: { apikey: stack.publishableKey, 'content-type': 'application/json' },
  body: JSON.stringify({ ...person, data: { name: 'Asha Rao' } }),
});
if (!signedUp.ok) throw new Error(`Sign-up answered ${signedUp.status}.`);

for (const colorScheme of ['light', 'dark'] as const) {
  for (const width of [360, 1440]) {
    const viewport = { width, height: width === 360 ? 740 : 900 };
    const options = { viewport, colorScheme, reducedMotion: 'reduce' } as const;
    const take = async (site: string, shots: Shot[], signedIn: boolean) => {
      await using context = await browser.newContext({ ...options, baseURL: site });
      if (signedIn) {
        const page = await context.newPage();
        await page.goto('/signin');
        await page.getByLabel('Email').fill(person.email);
        await page.getByLabel('Password', { exact: true }).fill(person.password);
        await page.getByRole('button', { name: 'Sign in', exact: true }).click();
        await page.getByRole('heading', { name: 'Hello, Asha' }).waitFor();
        await page.close();
      }
      for (const [name, path, prepare] of shots) {
        const page = await context.newPage();
        await page.goto(path);
        await page.getByRole('heading', { level: 1 }).waitFor();
        await prepare?.(page);
        await page.evaluate(() => document.fonts.ready);
        const file = join(target, `${name}-${colorScheme}-${width}.png`);
        // What lies over a page is fixed to the window; the rest is wanted whole.
        await page.screenshot({ path: file, fullPage: !/menu|drawer|dialog/.test(name) });
        await page.close();
      }
    };
    await take(stack.siteUrl, outside, false);
    await take(stack.siteUrl, inside, true);
    await take(workshopSite.url, workshop, false);
  }
}
console.log(`Wrote the pictures to ${target}`);
