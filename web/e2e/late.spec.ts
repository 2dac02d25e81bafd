// On a slow line everything comes late: what was done meanwhile is not taken back by it.
import type { Page, Route } from '@playwright/test';
import { notice } from './billing.ts';
import {
  answers,
  ask,
  asOperator,
  chooseModel,
  composer,
  list,
  openChat,
  questions,
  send,
} from './chat.ts';
import { expect, site, test } from './test.ts';

test.beforeEach(async ({ page, person }) => {
  await openChat(page, person);
  await chooseModel(page, 'Sandbox: Echo');
});

const row = (page: Page, title: string | RegExp) =>
  list(page).getByRole('listitem').filter({ hasText: title });
const modelButton = (page: Page) => page.getByRole('button', { name: /^Model:/ });
const look = (page: Page) =>
  page.evaluate(() => document.dispatchEvent(new Event('visibilitychange')));

function gate(): { opened: Promise<void>; open: () => void } {
  let open = () => {};
  const opened = new Promise<void>((resolve) => (open = resolve));
  return { opened, open };
}

interface Held {
  /** The answer is read by now, and on its way. */
  asked: Promise<void>;
  /** It has arrived, and the page has shown what it makes of it. */
  arrive: () => Promise<void>;
}

/**
 * The next answer, as it is when it is asked for or as it is told, that comes no sooner than it is
 * let; or every one until then.
 */
async function holdBack(
  page: Page,
  url: string,
  { told, every = false }: { told?: unknown; every?: boolean } = {},
): Promise<Held> {
  const asked = gate();
  const letGo = gate();
  const arrived: Promise<unknown>[] = [];
  const hold = async (route: Route) => {
    const response = await route.fetch();
    const body = told === undefined ? await response.text() : JSON.stringify(told);
    asked.open();
    await letGo.opened;
    await route.fulfill({ response, body });
    await (await route.request().response())?.finished();
  };
  const heed = (route: Route) => {
    const held = hold(route);
    arrived.push(held);
    return held;
  };
  await page.route(url, heed, every ? {} : { times: 1 });
  return {
    asked: asked.opened,
    arrive: async () => {
      letGo.open();
      await Promise.all(arrived);
      await page.unroute(url, heed);
      await page.evaluate(
        () => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))),
      );
    },
  };
}

test('what is archived is not brought back by a list that was read before', async ({ page }) => {
  await ask(page, 'a heliotrope in the window');
  await page.getByLabel('Search conversations').fill('heliot');
  await expect(row(page, 'heliotrope').locator('mark').first()).toBeVisible();
  const before = await holdBack(page, '**/rpc/list_conversations');
  await page.getByRole('button', { name: 'Clear the search' }).click();
  await before.asked;
  await row(page, /./).hover();
  await row(page, /./).getByRole('button', { name: 'More about' }).click();
  await page.getByRole('menuitem', { name: 'Archive' }).click();
  await expect(page.getByText('Archived.')).toBeVisible();
  await before.arrive();
  await expect(row(page, /./)).toHaveCount(0);
});

test('a name that is being typed is not replaced by a title that was made meanwhile', async ({
  page,
}) => {
  const made = await holdBack(page, '**/rest/v1/conversations?*', {
    told: { title: 'Made meanwhile' },
  });
  await ask(page, 'the walrus and the carpenter');
  await made.asked;
  await page.getByRole('heading', { level: 1 }).getByRole('button').click();
  const field = page.getByRole('textbox', { name: 'Title' });
  await field.fill('Oysters');
  await made.arrive();
  await expect(row(page, 'Made meanwhile')).toBeVisible();
  await expect(field).toHaveValue('Oysters');
  await field.press('Enter');
  await expect(row(page, 'Oysters')).toBeVisible();
});

test('a title is waited for, though the list itself is late', async ({ page }) => {
  const listed = await holdBack(page, '**/rpc/list_conversations', { every: true });
  const first = page.waitForResponse('**/rest/v1/conversations?*');
  await ask(page, 'the walrus and the carpenter');
  await first;
  await page.route('**/rest/v1/conversations?*', async (route) => {
    const response = await route.fetch();
    await route.fulfill({ response, json: { ...(await response.json()), title: 'Made later' } });
  });
  await listed.arrive();
  await expect(row(page, 'Made later')).toBeVisible();
});

test('the model that was chosen stays, whenever the conversation comes', async ({ page }) => {
  await ask(page, 'one');
  await chooseModel(page, 'Sandbox: Fast');
  const read = page.waitForResponse('**/rest/v1/messages?*');
  await look(page);
  await (await read).finished();
  await expect(modelButton(page)).toHaveAccessibleName('Model: Sandbox: Fast');

  const late = await holdBack(page, '**/rest/v1/conversations?*');
  await page.reload();
  await late.asked;
  await chooseModel(page, 'Sandbox: Slow');
  await late.arrive();
  await expect(answers(page)).toHaveCount(1);
  await expect(modelButton(page)).toHaveAccessibleName('Model: Sandbox: Slow');
  // Until one is chosen, it goes on with the one it was with.
  await page.reload();
  await expect(modelButton(page)).toHaveAccessibleName('Model: Sandbox: Echo');
});

test('the model that is pointed at stays so, though the conversations come late', async ({
  page,
}) => {
  await ask(page, 'one');
  const listed = await holdBack(page, '**/rpc/list_conversations');
  await page.reload();
  await listed.asked;
  await expect(answers(page)).toHaveCount(1);
  await modelButton(page).click();
  await expect(page.getByRole('option', { selected: true })).toBeVisible();
  await page.keyboard.press('ArrowDown');
  await expect(page.getByRole('option', { selected: true })).not.toHaveAttribute('data-active');
  const pointed = page.locator('[role=option][data-active]');
  const name = await pointed.innerText();
  await listed.arrive();
  await expect(row(page, /./)).toHaveCount(1);
  expect(await pointed.innerText()).toBe(name);
});

test('what is typed while a message is on its way is kept as a draft', async ({ page }) => {
  const letGo = gate();
  await page.route('**/functions/v1/chat/runs', async (route) => {
    await letGo.opened;
    await route.continue();
  });
  await send(page, 'one');
  await composer(page).fill('and two');
  letGo.open();
  await expect(answers(page)).toHaveAttribute('aria-busy', 'false');
  await page.reload();
  await expect(questions(page)).toHaveText(/one/);
  await expect(composer(page)).toHaveValue('and two');
});

test('a link that was just made stays, though the list of links is late', async ({ page }) => {
  await ask(page, 'the secret of soup');
  const links = await holdBack(page, '**/rest/v1/shares?*');
  await page.getByRole('button', { name: 'Share', exact: true }).click();
  await links.asked;
  await page.getByRole('button', { name: 'Create and copy' }).click();
  await expect(page.getByRole('link', { name: 'Open the link' })).toBeVisible();
  await links.arrive();
  await expect(page.getByRole('link', { name: 'Open the link' })).toHaveCount(1);
});

test('Enter in the palette waits for what is being searched for', async ({ page }) => {
  await ask(page, 'the walrus and the carpenter');
  const wanted = page.url();
  await page.goto('/app/chat');
  await ask(page, 'something else entirely');
  await page.keyboard.press('Control+k');
  await expect(page.getByRole('option')).not.toHaveCount(0);
  await expect(page.getByText('Recent', { exact: true })).toBeVisible();
  const found = await holdBack(page, '**/rpc/search_conversations');
  await page.keyboard.type('walrus');
  await page.keyboard.press('Enter');
  await found.asked;
  await found.arrive();
  await expect(page).toHaveURL(new RegExp(`^${wanted}(#.*)?$`));
});

test('a menu that is open keeps the focus when the composer comes', async ({ page }) => {
  const person = await holdBack(page, '**/rest/v1/profile?*');
  await page.reload();
  await person.asked;
  await page.getByRole('button', { name: /^You:/ }).click();
  await expect(page.getByRole('menuitem', { name: 'Profile and settings' })).toBeFocused();
  await person.arrive();
  await expect(composer(page)).toBeVisible();
  await expect(page.getByRole('menuitem', { name: 'Profile and settings' })).toBeFocused();
});

test('on a phone nothing moves when the person is known', async ({ page }) => {
  await page.setViewportSize({ width: 360, height: 740 });
  const person = await holdBack(page, '**/rest/v1/profile?*');
  await page.reload();
  await person.asked;
  const main = page.getByRole('main');
  const menu = page.getByRole('button', { name: 'Open the menu' });
  const [mainBefore, menuBefore] = [await main.boundingBox(), await menu.boundingBox()];
  await person.arrive();
  await expect(composer(page)).toBeVisible();
  expect(await main.boundingBox()).toEqual(mainBefore);
  expect(await menu.boundingBox()).toEqual(menuBefore);
});

test('what is left is told as of the last answer, not as of a reading before it', async ({
  page,
}) => {
  const limits = await holdBack(page, '**/rest/v1/limits?*');
  // A title would be a request as well.
  await page.goto('/app/chat?temporary');
  await limits.asked;
  await chooseModel(page, 'Sandbox: Echo');
  await ask(page, 'one');
  await expect(page.getByRole('button', { name: /99 requests left this month/ })).toBeVisible();
  await limits.arrive();
  await expect(page.getByRole('button', { name: /99 requests left this month/ })).toBeVisible();
});

test('a notice that was dismissed is not brought back by a look that was under way', async ({
  page,
}) => {
  const news = { id: crypto.randomUUID(), title: 'News', body: 'Nothing more.', link: null };
  await page.route('**/rest/v1/notices?*', (route) => route.fulfill({ json: [news] }));
  await page.reload();
  const bar = page.getByRole('complementary', { name: 'Notices' });
  await expect(bar).toBeVisible();
  const again = await holdBack(page, '**/rest/v1/notices?*', { told: [news] });
  await look(page);
  await again.asked;
  await bar.getByRole('button', { name: 'Dismiss this notice' }).click();
  await again.arrive();
  await expect(bar).toHaveCount(0);
});

test('a notice comes into a live region that is there before it', async ({ page }) => {
  const news = { id: crypto.randomUUID(), title: 'News', body: 'Nothing more.', link: null };
  const listed = await holdBack(page, '**/rest/v1/notices?*', { told: [news] });
  await page.reload();
  await listed.asked;
  const regions = page.getByRole('status');
  await regions.evaluateAll((all) => all.forEach((region) => (region.id ||= 'before')));
  await listed.arrive();
  await expect(page.locator('#before').filter({ hasText: 'News. Nothing more.' })).toHaveCount(1);
});

test('a notice that comes late moves nothing', async ({ page }) => {
  const news = { id: crypto.randomUUID(), title: 'News', body: 'Nothing more.', link: null };
  for (const [path, landmark, width] of [
    // What is left is told last of all on that page.
    ['/app/chat', page.getByRole('button', { name: /requests left this month/ }), 1280],
    ['/app/api/keys', page.getByRole('button', { name: 'Create a key' }), 1280],
    ['/app/api/keys', page.getByRole('button', { name: 'Create a key' }), 360],
  ] as const) {
    await page.setViewportSize({ width, height: 740 });
    const notices = await holdBack(page, '**/rest/v1/notices?*', { told: [news] });
    await page.goto(path);
    await notices.asked;
    await expect(landmark).toBeVisible();
    const places = () =>
      page.evaluate(() =>
        [...document.querySelectorAll('main, main :is(a, button, h1)')].map((element) => {
          const { x, y, width, height } = element.getBoundingClientRect();
          return [element.textContent, ...[x, y, width, height].map(Math.round)];
        }),
      );
    await page.evaluate(() => document.fonts.ready);
    const before = await places();
    await notices.arrive();
    await expect(page.getByRole('complementary', { name: 'Notices' })).toBeVisible();
    expect(await places()).toEqual(before);
  }
});

test('credits that just came are not taken away by a look that was under way', async ({ page }) => {
  const code = `TEST-${crypto.randomUUID().slice(0, 8).toUpperCase()}`;
  await asOperator(
    (sql) => sql`
      insert into private.coupons (code, credits_micros, lasts)
      values (${code}, 250000000, interval '30 days')`,
  );
  await page.goto('/app/billing/top-up');
  await expect(page.getByText('You can spend 500 credits')).toBeVisible();
  const before = await holdBack(page, '**/rpc/billing_overview');
  await look(page);
  await before.asked;
  await page.getByRole('textbox', { name: 'Code' }).fill(code);
  await page.getByRole('button', { name: 'Redeem' }).click();
  await expect(notice(page, 'Code redeemed')).toBeVisible();
  await expect(page.getByText('You can spend 750 credits')).toBeVisible();
  await before.arrive();
  await expect(page.getByText('You can spend 750 credits')).toBeVisible();
});

test('while a call runs, and under a dialog, the keys begin no second one', async ({ page }) => {
  await page.goto('/app/api/playground');
  await page.getByRole('button', { name: 'Create one for a day' }).click();
  await expect(page.getByText('Kept in this page alone.')).toBeVisible();
  const asked: string[] = [];
  await page.route('**/chat/completions', (route) => {
    asked.push(route.request().postData() ?? '');
  });
  await page.keyboard.press('Control+Enter');
  await expect.poll(() => asked.length).toBe(1);
  await page.keyboard.press('Control+Enter');
  await page.getByRole('button', { name: 'Stop' }).click();
  await expect(page.getByRole('button', { name: 'Send' })).toBeVisible();
  await page.keyboard.press('?');
  await expect(page.getByRole('dialog', { name: 'Keyboard' })).toBeVisible();
  await page.keyboard.press('Control+Enter');
  await page.keyboard.press('Escape');
  await page.getByLabel('Message 1', { exact: true }).fill('The second one');
  await page.keyboard.press('Control+Enter');
  await expect.poll(() => asked.at(-1)).toContain('The second one');
  expect(asked).toHaveLength(2);
});

test('a part whose code does not come says so and closes, and choosing it again tries again', async ({
  page,
}) => {
  await send(page, 'Eins');
  await expect(answers(page)).toHaveCount(1);
  // Nothing is here that was opened before.
  await page.reload();
  await expect(answers(page)).toHaveCount(1);
  const code = `${site()}/_app/immutable/**/*.js`;
  await page.route(code, (route) => route.abort());
  const toast = page.getByText('This part could not be loaded.');
  const model = modelButton(page);
  const parts: [open: () => Promise<void>, isOpen: () => Promise<void>][] = [
    [
      () => page.getByRole('button', { name: 'Share', exact: true }).click(),
      () => expect(page.getByRole('dialog', { name: 'Share by link' })).toBeVisible(),
    ],
    [
      () => page.getByRole('button', { name: /^Filters/ }).click(),
      () => expect(page.getByLabel('Model', { exact: true })).toBeVisible(),
    ],
    [
      () => model.click(),
      () => expect(page.getByRole('combobox', { name: 'Search models' })).toBeVisible(),
    ],
    [
      () => page.getByRole('button', { name: /^Receipt:/ }).click(),
      () => expect(page.getByRole('dialog', { name: 'Receipt' })).toContainText('Charged'),
    ],
    [
      () => page.getByRole('button', { name: 'Edit your message' }).click(),
      () => expect(page.getByRole('textbox', { name: 'Edit your message' })).toBeVisible(),
    ],
  ];
  for (const [open] of parts) {
    await open();
    await expect(toast).toBeVisible();
    await page.getByRole('button', { name: 'Dismiss' }).click();
    await expect(toast).toHaveCount(0);
  }
  await page.unroute(code);
  for (const [open, isOpen] of parts) {
    await open();
    await isOpen();
    await page.keyboard.press('Escape');
  }
});
