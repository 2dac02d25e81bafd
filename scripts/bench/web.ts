// What the chat costs in a browser: the JavaScript of its first visit, how soon a long conversation
// can be used, how quickly keys are heard while an answer streams, and how scrolling keeps up.
// It needs Chromium: apt-get install chromium.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { brotliCompressSync } from 'node:zlib';
import { type Browser, type BrowserContext, type Page, chromium } from '@playwright/test';
import postgres from 'postgres';
import { buildSite } from '../../web/e2e/build-site.ts';
import { chromium as browserOptions } from '../../web/e2e/chromium.ts';
import { serveSite } from '../../web/e2e/serve.ts';
import { startStack } from '../stack/stack.ts';
import { type Figure, report } from './report.ts';

const throttle = 4;
const scrollStep = 300;
const person = { email: 'bench@example.com', password: 'correct horse battery' };

await using parts = new AsyncDisposableStack();
const stack = parts.use(await startStack());
const site = parts.use(await buildSite(stack));
parts.defer(await serveSite(site.directory, stack.ports.site));
const browser: Browser = await chromium.launch(browserOptions());
parts.defer(() => browser.close());

const sql = postgres(stack.databaseUrl, { max: 1, onnotice: () => {} });
parts.defer(() => sql.end());

const token = await signUp();
await prepare();
const context = await signedInContext();

const figures: Figure[] = [
  await coldScripts(),
  ...(await longConversation(500)),
  ...(await scrolling(1000)),
];
report('web', figures);

async function api(path: string, body: unknown, authorization?: string): Promise<unknown> {
  const response = await fetch(`${stack.url}${path}`, {
    method: 'POST',
    headers: {
      apikey: stack.publishableKey,
      'content-type': 'application/json',
      'content-profile': 'api',
      ...(authorization && { authorization: `Bearer ${authorization}` }),
    },
    body: JSON.stringify(body),
  });
  if (!response.ok)
    throw new Error(`${path} answered ${response.status}: ${await response.text()}`);
  return response.json();
}

async function signUp(): Promise<string> {
  const session = await api('/auth/v1/signup', { ...person, data: { name: 'Asha Rao' } });
  return (session as { access_token: string }).access_token;
}

/** Two long conversations, and room enough for an answer of 200 kB. */
async function prepare(): Promise<void> {
  const [account] = await sql`
    select accounts.id from private.accounts
    join auth.users on users.id = accounts.personal_user_id
    where users.email = ${person.email}`;
  const id = account!['id'] as string;
  await sql`select private.adjust_credits(${id}, 100000000000, 'bench', 'For the bench', 'bench')`;
  await sql`
    insert into private.limit_overrides (subject_id, account_id, max_cost_micros, reason)
    values (${id}, ${id}, 50000000000, 'For the bench')`;
  await api('/rest/v1/rpc/update_profile', { default_model: 'sandbox/long-200k' }, token);
  await api(
    '/rest/v1/rpc/import_conversations',
    {
      account_id: id,
      source: 'bench',
      conversations: [conversation(500), conversation(1000)],
    },
    token,
  );
}

function conversation(count: number) {
  const answer = `Some **text** with \`code\` and a list:

- one thing that matters
- another thing that matters less

| case | outcome |
| --- | --- |
| first | fine |

\`\`\`ts
export const answer = (question: string) => question.length;
\`\`\`
`;
  const messages = Array.from({ length: count }, (_, at) => ({
    id: `m${at}`,
    parent_id: at === 0 ? null : `m${at - 1}`,
    role: at % 2 === 0 ? 'user' : 'assistant',
    content: at % 2 === 0 ? `Question number ${at}` : `Answer number ${at}.\n\n${answer}`,
  }));
  return { id: `bench-${count}`, title: `Bench ${count}`, leaf_id: `m${count - 1}`, messages };
}

async function signedInContext(): Promise<BrowserContext> {
  const context = await browser.newContext({
    baseURL: stack.siteUrl,
    viewport: { width: 1440, height: 900 },
  });
  const page = await context.newPage();
  await page.goto('/signin');
  await page.getByLabel('Email').fill(person.email);
  await page.getByLabel('Password', { exact: true }).fill(person.password);
  await page.getByRole('button', { name: 'Sign in', exact: true }).click();
  await page.getByLabel('Message', { exact: true }).waitFor();
  await page.close();
  return context;
}

async function openChat(): Promise<Page> {
  const page = await context.newPage();
  await page.goto('/app/chat');
  await page.getByRole('link', { name: 'Bench 500' }).waitFor();
  return page;
}

async function slowDown(page: Page): Promise<void> {
  const devtools = await context.newCDPSession(page);
  await devtools.send('Emulation.setCPUThrottlingRate', { rate: throttle });
}

/** Every script that comes before the person does anything, as a host would send it. */
async function coldScripts(): Promise<Figure> {
  const fresh = await browser.newContext({
    baseURL: stack.siteUrl,
    storageState: await context.storageState(),
  });
  const page = await fresh.newPage();
  const paths = new Set<string>();
  page.on('response', (response) => {
    const { pathname } = new URL(response.url());
    if (pathname.endsWith('.js')) paths.add(pathname);
  });
  await page.goto('/app/chat');
  await page.getByRole('link', { name: 'Bench 500' }).waitFor();
  await page.waitForLoadState('networkidle');
  const bytes = [...paths].reduce(
    (sum, path) => sum + brotliCompressSync(readFileSync(join(site.directory, path))).length,
    0,
  );
  await fresh.close();
  return {
    name: 'JavaScript of the chat, cold',
    value: bytes / 1000,
    unit: 'kB brotli',
    bar: 150,
    better: 'lower',
    note: `${paths.size} files`,
  };
}

async function longConversation(count: number): Promise<Figure[]> {
  const page = await openChat();
  await slowDown(page);
  const began = performance.now();
  await page.getByRole('link', { name: `Bench ${count}` }).click();
  await page.getByText(`Answer number ${count - 1}.`).waitFor();
  await page.getByLabel('Message', { exact: true }).press('x');
  const usable = performance.now() - began;

  await page.getByRole('button', { name: /^Model:/ }).click();
  await page.getByRole('combobox', { name: 'Search models' }).fill('long 200');
  await page.keyboard.press('Enter');
  await page.getByLabel('Message', { exact: true }).fill('Write a long answer');
  await page.getByRole('button', { name: 'Send', exact: true }).click();
  await page.locator('article[aria-busy=true] .markdown').waitFor();
  const delays = await typeWhileStreaming(page, 150);
  await page.close();
  return [
    {
      name: `${count} messages, from the click to a key that is heard`,
      value: usable,
      unit: 'ms',
      bar: 1000,
      better: 'lower',
      note: `${throttle}× slower CPU`,
    },
    {
      name: 'a key while 200 kB stream, p98',
      value: quantile(delays, 0.98),
      unit: 'ms',
      bar: 50,
      better: 'lower',
      note: `${delays.length} keys, key to paint, ${throttle}× slower CPU`,
    },
  ];
}

/** How long each key took until it was painted, as the browser itself measures it. */
async function typeWhileStreaming(page: Page, keys: number): Promise<number[]> {
  // Written as text: it runs in the browser, whose types are not these scripts'.
  await page.evaluate(`
    globalThis.answer = document.querySelector('article[aria-busy=true]');
    globalThis.durations = [];
    new PerformanceObserver((list) => {
      for (const entry of list.getEntries()) {
        if (entry.name === 'keydown') durations.push(entry.duration);
      }
    }).observe({ type: 'event', durationThreshold: 16 });
  `);
  await page.getByLabel('Message', { exact: true }).focus();
  let typed = 0;
  // A locator would look through the whole page between two keys, slowed down as it is.
  while (typed < keys && (await page.evaluate('answer.ariaBusy')) === 'true') {
    await page.keyboard.press('e', { delay: 20 });
    typed++;
  }
  if (typed < keys / 5) throw new Error(`The answer ended after ${typed} keys.`);
  const slow = await page.evaluate<number[]>('durations');
  // The browser leaves out what took less than 16 ms.
  return [...slow, ...Array.from({ length: Math.max(0, typed - slow.length) }, () => 8)];
}

/** From the last message to the first, which fetches and makes all of them, and back. */
async function scrolling(count: number): Promise<Figure[]> {
  const page = await openChat();
  await page.getByRole('link', { name: `Bench ${count}` }).click();
  await page.getByText(`Answer number ${count - 1}.`).waitFor();
  await slowDown(page);
  const toFirst = await scrollUntil(
    page,
    -1,
    `document.querySelector('article')?.textContent.trim() === 'Question number 0' &&
      document.querySelector('[data-scroller]').scrollTop === 0`,
  );
  const toLast = await scrollUntil(
    page,
    1,
    `(({ scrollHeight, scrollTop, clientHeight }) => scrollHeight - scrollTop - clientHeight < 2)(
      document.querySelector('[data-scroller]'))`,
  );
  await page.close();

  const blank = await context.newPage();
  await blank.setContent('<div style="height: 100000px"></div>');
  await slowDown(blank);
  const empty = await scrollUntil(blank, 1, 'scrollY > 90000');
  await blank.close();

  const ways = { 'to the first': toFirst, 'back to the last': toLast };
  return Object.entries(ways).map(([way, frames]) => ({
    name: `${count} messages scrolled ${way}, frame p95`,
    value: quantile(frames, 0.95),
    unit: 'ms',
    bar: null,
    better: 'lower',
    peer: quantile(empty, 0.95),
    note:
      `an empty page: ${quantile(empty, 0.95).toFixed(1)} ms; over 33 ms: ` +
      `${slowPercent(frames)} % of ${frames.length} frames, of the empty page's ` +
      `${slowPercent(empty)} %; p99 ${quantile(frames, 0.99).toFixed(0)} ms; ` +
      `${scrollStep} px a turn, ${throttle}× slower CPU`,
  }));
}

/** Turns the wheel, at most once a frame, until a condition in the page holds: each frame's length. */
async function scrollUntil(page: Page, direction: 1 | -1, isThere: string): Promise<number[]> {
  await page.evaluate(`
    globalThis.frames = [];
    let last = performance.now();
    const step = (now) => {
      if (!globalThis.frames) return;
      frames.push(now - last);
      last = now;
      requestAnimationFrame(step);
    };
    requestAnimationFrame(step);
  `);
  await page.mouse.move(800, 400);
  // Asked in a frame of the page, which is a turn a frame; a locator would look through all of it.
  const holds = () =>
    page.evaluate<boolean>(
      `new Promise((tell) => requestAnimationFrame(() => tell(Boolean(${isThere}))))`,
    );
  let turns = 0;
  while (!(await holds())) {
    if (turns++ === 5000) throw new Error('The end was never reached.');
    await page.mouse.wheel(0, direction * scrollStep);
  }
  return page.evaluate<number[]>('((all) => (globalThis.frames = null, all))(frames)');
}

function quantile(numbers: readonly number[], share: number): number {
  return numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length * share)] ?? NaN;
}

function slowPercent(frames: readonly number[]): string {
  return ((frames.filter((ms) => ms > 33).length / frames.length) * 100).toFixed(1);
}
