// Photographs every page, light and dark, on a desk and on a phone, into test-results/screens/.
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type BrowserContext, chromium, type Page } from '@playwright/test';
import { ask, createKey, outcome } from './api-client.ts';
import { notice, pay } from './billing.ts';
import { buildSite } from './build-site.ts';
import {
  accountOf,
  answers,
  ask as askInChat,
  asOperator,
  chooseModel,
  composer,
  sendButton,
} from './chat.ts';
import { chromium as ours } from './chromium.ts';
import { serveSite } from './serve.ts';
import { startDevelopmentSite, startStack } from './stack.ts';
import type { Person } from './test.ts';

const target = join(import.meta.dirname, '../../test-results/screens');
const password = 'correct horse battery';
const person = { name: 'Asha Rao', email: 'asha@example.com', password };
const newcomer = { name: 'Asha Rao', email: 'newcomer@example.com', password };
/** Has spent everything. */
const poor = { name: 'Asha Rao', email: 'poor@example.com', password };

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
  ['share-gone', `/s/${'A'.repeat(22)}`],
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
  ['usage-table', '/app/usage?by=key&show=requests', showAsTable],
  ['usage-nothing', '/app/usage?model=no/such'],
  ['key-dialog', '/app/api/keys', openKeyDialog],
  ['profile', '/app/settings/profile'],
  ['profile-saved', '/app/settings/profile', saveName],
  ['models', '/app/settings/models', excludeModels],
  ['security', '/app/settings/security'],
  ['security-dialog', '/app/settings/security', openDialog],
  ['account', '/app/settings/account'],
  ['billing', '/app/billing'],
  ['billing-plans', '/app/billing/plans'],
  ['billing-top-up', '/app/billing/top-up'],
  ['billing-automatic', '/app/billing/automatic'],
  ['billing-invoices', '/app/billing/invoices'],
  ['billing-statement', '/app/billing/statement'],
  ['chat-typed-dialog', '/app/chat', typeQuestion],
  ['chat-models-dialog', '/app/chat', openModels],
  ['chat-streaming-dialog', '/app/chat?temporary', beginAnswer],
  ['chat-search-dialog', '/app/chat', searchConversations],
  ['chat-palette-dialog', '/app/chat', openPalette],
  // Last, because a narrowed sidebar stays so.
  ['app-drawer', '/app/chat', openDrawer],
];

/** The same pages of somebody who has done nothing yet. */
const empty: Shot[] = [
  ['empty-keys', '/app/api/keys'],
  ['empty-usage', '/app/usage'],
  ['empty-models', '/app/settings/models'],
  ['empty-billing', '/app/billing'],
  ['empty-invoices', '/app/billing/invoices'],
  ['empty-statement', '/app/billing/statement'],
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

/** Done once, it is so in every light. */
async function excludeModels(page: Page) {
  const search = page.getByLabel('Find a model');
  for (const name of ['all of Google', 'Claude Haiku 4.5']) {
    await search.fill(name.replace('all of ', ''));
    await page
      .getByRole('button', { name: new RegExp(` ${name}$`, 'i') })
      .first()
      .waitFor();
    const exclude = page.getByRole('button', { name: `Exclude ${name}`, exact: true });
    if (await exclude.isVisible()) await exclude.click();
    await page
      .getByRole('button', { name: new RegExp(`^Take back ${name}$`, 'i') })
      .first()
      .waitFor();
  }
}

async function typeQuestion(page: Page) {
  await composer(page).fill('How do tides work, and why are there two a day?');
  await page.getByText(/^[\d.,]+ – [\d.,]+/).waitFor();
}

async function openModels(page: Page) {
  await page.getByRole('button', { name: /^Model:/ }).click();
  await page.getByRole('option').first().waitFor();
}

async function beginAnswer(page: Page) {
  await chooseModel(page, 'Sandbox: Slow');
  await composer(page).fill('Take your time');
  await sendButton(page).click();
  await answers(page).getByText('first').waitFor();
}

async function searchConversations(page: Page) {
  const button = page.getByRole('button', { name: 'Open the menu' });
  if (await button.isVisible()) await button.click();
  await page.getByLabel('Search conversations').filter({ visible: true }).fill('postgres');
  await page.locator('mark').filter({ visible: true }).first().waitFor();
}

async function openPalette(page: Page) {
  await page.keyboard.press('Control+k');
  await page.getByRole('option').first().waitFor();
}

async function openReceipt(page: Page) {
  await page.getByRole('button', { name: /^Receipt/ }).click();
  await page.getByText(/^Paid by/).waitFor();
}

async function whole(page: Page) {
  await answers(page).last().getByRole('button', { name: 'Ask again' }).waitFor();
}

async function drawn(page: Page) {
  await whole(page);
  await page.locator('.katex').first().waitFor();
}

async function askInVain(page: Page) {
  await composer(page).fill('What can I have for nothing?');
  await sendButton(page).click();
  await page.getByRole('link', { name: 'Top up' }).waitFor();
}

/** One conversation of each kind, made once: the pictures are of the same ones. */
async function converse(page: Page): Promise<Shot[]> {
  const pathOf = () => new URL(page.url()).pathname;
  await page.goto('/app/chat');
  await askInChat(page, 'Compare Postgres and SQLite for a small team');
  const answered = pathOf();
  await page.getByRole('button', { name: 'More about this conversation' }).click();
  await page.getByRole('menuitem', { name: 'Share by link' }).click();
  await page.getByRole('button', { name: 'Create and copy' }).click();
  const shared = await page.getByRole('link', { name: 'Open the link' }).getAttribute('href');
  await page.goto('/app/chat');
  await askInChat(page, 'Write a TypeScript function that groups a list, with code');
  await askInChat(page, 'Solve a quadratic equation, with the formula');
  const rich = pathOf();
  await page.goto('/app/chat');
  await chooseModel(page, 'Sandbox: Fails mid-stream');
  await askInChat(page, 'Please fail');
  return [
    ['chat-answered', answered, whole],
    ['chat-receipt-dialog', answered, openReceipt],
    ['chat-code-and-math', rich, drawn],
    ['chat-failed', pathOf(), whole],
    ['share', shared!],
  ];
}

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
  await page.getByText('Loading', { exact: true }).first().waitFor();
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

async function showAsTable(page: Page) {
  await page.getByLabel('As a table').check();
}

async function openKeyDialog(page: Page) {
  await page.getByRole('button', { name: 'Create key' }).click();
  await page.getByRole('dialog').waitFor();
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
for (const { name, email } of [person, newcomer, poor]) {
  const signedUp = await fetch(`${stack.url}/auth/v1/signup`, {
    method: 'POST',
    headers: { apikey: stack.publishableKey, 'content-type': 'application/json' },
    body: JSON.stringify({ email, password, data: { name } }),
  });
  if (!signedUp.ok) throw new Error(`Sign-up answered ${signedUp.status}.`);
}

async function signIn(context: BrowserContext, { email }: Person): Promise<void> {
  const page = await context.newPage();
  await page.goto('/signin');
  await page.getByLabel('Email').fill(email);
  await page.getByLabel('Password', { exact: true }).fill(password);
  await page.getByRole('button', { name: 'Sign in', exact: true }).click();
  await page.getByRole('heading', { name: 'Hello, Asha' }).waitFor();
  await page.close();
}

// Keys, calls, a payment and days of use: what is looked at is full.
process.env['E2E_API_URL'] = stack.url;
process.env['E2E_DATABASE_URL'] = stack.databaseUrl;
{
  await using context = await browser.newContext({ baseURL: stack.siteUrl, locale: 'en-GB' });
  await signIn(context, person);
  const page = await context.newPage();
  const secrets: string[] = [];
  for (const name of ['Website, production', 'Nightly summaries of the old server in Pune']) {
    secrets.push(await createKey(page, name));
  }
  for (const model of ['openai/gpt-4o-mini', 'oneai/auto', 'no/such-model']) {
    for (const secret of secrets) await outcome(ask(secret, model));
  }
  await page.goto('/app/billing/top-up');
  await page.getByRole('button', { name: 'Buy Starter' }).click();
  await pay(page);
  await notice(page, 'Done').waitFor();
  await asOperator(
    (sql) => sql`
      insert into private.usage_days (
        account_id, day, model_id, user_id, key_id, requests, errors, prompt_tokens,
        completion_tokens, charged_micros, latency_ms, first_token_ms, first_tokens
      )
      select
        api_keys.account_id, (now() at time zone 'UTC')::date - back, models.id, api_keys.created_by,
        api_keys.id, calls, calls / 20, calls * 430, calls * 260, calls * place * 90000,
        calls * 1830, calls * 410, calls
      from private.api_keys
      cross join generate_series(1, 60) as back
      cross join (
        select id, row_number() over (order by id) as place from private.models
        where id like 'anthropic/%' or id like 'openai/gpt-4%'
      ) as models
      cross join lateral (select (abs(sin(back * 1.7 + place)) * 60 / place)::integer as calls) as used
      where calls > 0 and api_keys.account_id in (${accountOf(sql, person)})`,
  );
}

await asOperator(async (sql) => {
  const [account] = await accountOf(sql, poor);
  await sql`select private.adjust_credits(${account!['id']}, -500000000, 'pictures', 'For pictures', 'tests')`;
});

async function makeConversations(): Promise<Shot[]> {
  await using context = await browser.newContext({ baseURL: stack.siteUrl });
  await signIn(context, person);
  return await converse(await context.newPage());
}
const conversations = await makeConversations();

for (const colorScheme of ['light', 'dark'] as const) {
  for (const width of [360, 1440]) {
    const viewport = { width, height: width === 360 ? 740 : 900 };
    const options = { viewport, colorScheme, reducedMotion: 'reduce' } as const;
    const take = async (site: string, shots: Shot[], who: Person | null) => {
      await using context = await browser.newContext({ ...options, baseURL: site });
      if (who) await signIn(context, who);
      for (const [name, path, prepare] of shots) {
        const page = await context.newPage();
        await page.goto(path);
        await page.getByRole('heading', { level: 1 }).waitFor();
        // The workshop shows what loads for ever.
        if (site === stack.siteUrl)
          await page.waitForFunction(() => !document.querySelector('.animate-pulse'));
        await prepare?.(page);
        await page.evaluate(() => {
          scrollTo(0, 0);
          return document.fonts.ready;
        });
        const file = join(target, `${name}-${colorScheme}-${width}.png`);
        // What lies over a page is fixed to the window; the rest is wanted whole.
        await page.screenshot({ path: file, fullPage: !/menu|drawer|dialog/.test(name) });
        await page.close();
      }
    };
    await take(stack.siteUrl, outside, null);
    await take(stack.siteUrl, [...conversations, ...inside], person);
    await take(stack.siteUrl, empty, newcomer);
    await take(stack.siteUrl, [['chat-no-credits', '/app/chat', askInVain]], poor);
    await take(workshopSite.url, workshop, null);
  }
}
console.log(`Wrote the pictures to ${target}`);
