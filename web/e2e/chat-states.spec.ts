// What does not happen on a good day: links that ended, texts that are too long, money that is gone.
import type { Page } from '@playwright/test';
import {
  accountOf,
  answers,
  ask,
  asOperator,
  chooseModel,
  composer,
  list,
  openChat,
  questions,
  send,
  sendButton,
  showList,
} from './chat.ts';
import { expect, type Person, test } from './test.ts';

const scroller = (page: Page) => page.getByRole('region', { name: 'Messages' });

interface Old {
  title: string;
  at: string;
  texts: readonly string[];
}

/** Conversations of another day, brought along in a file as Claude writes it. */
async function bring(page: Page, conversations: readonly Old[]): Promise<void> {
  const file = conversations.map(({ title, at, texts }) => ({
    uuid: crypto.randomUUID(),
    name: title,
    created_at: at,
    updated_at: at,
    chat_messages: texts.map((text, index) => ({
      uuid: crypto.randomUUID(),
      sender: index % 2 === 0 ? 'human' : 'assistant',
      text,
      created_at: new Date(Date.parse(at) + index * 1000).toISOString(),
    })),
  }));
  await page.getByRole('button', { name: 'You: Asha Rao' }).filter({ visible: true }).click();
  await page.getByRole('menuitem', { name: 'Import conversations' }).click();
  await page.locator('dialog input[type=file]').setInputFiles({
    name: 'conversations.json',
    mimeType: 'application/json',
    buffer: Buffer.from(JSON.stringify(file)),
  });
  await page.getByRole('button', { name: `Import ${conversations.length}` }).click();
  await page.getByRole('button', { name: 'Done' }).click();
}

async function share(page: Page): Promise<string> {
  await page.getByRole('button', { name: 'More about this conversation' }).click();
  await page.getByRole('menuitem', { name: 'Share by link' }).click();
  await page.getByRole('button', { name: 'Create and copy' }).click();
  return (await page.getByRole('link', { name: 'Open the link' }).getAttribute('href'))!;
}

async function setCredits(person: Person, change: number, reason: string): Promise<void> {
  await asOperator(async (sql) => {
    const [account] = await accountOf(sql, person);
    await sql`select private.adjust_credits(${account!['id']}, ${change}, ${reason}, 'For tests', 'tests')`;
  });
}

/** Long texts cost more than a small plan lets one call cost. */
async function allowLongTexts(person: Person): Promise<void> {
  await asOperator(async (sql) => {
    const [account] = await accountOf(sql, person);
    await sql`
      insert into private.limit_overrides (subject_id, account_id, max_cost_micros, reason)
      values (${account!['id']}, ${account!['id']}, 1000000000, 'For tests')`;
  });
}

test('a link that has expired shows nothing of what it led to', async ({
  page,
  person,
  browser,
  baseURL,
}) => {
  await openChat(page, person);
  await chooseModel(page, 'Sandbox: Echo');
  await ask(page, 'read me before midnight');
  const href = await share(page);
  await using elsewhere = await browser.newContext(baseURL ? { baseURL } : {});
  const reader = await elsewhere.newPage();
  await reader.goto(href);
  const answer = reader.getByRole('article', { name: 'Answer' });
  await expect(answer).toContainText('read me before midnight');
  await expect(answer).toContainText('Sandbox: Echo');

  await asOperator(
    (sql) => sql`
      update private.shares
      set created_at = now() - interval '2 days', expires_at = now() - interval '1 day'
      where id = ${href.split('/').at(-1)!}`,
  );
  await reader.reload();
  await expect(reader.getByRole('heading', { name: 'This link does not work' })).toBeVisible();
  await expect(reader.locator('body')).not.toContainText('midnight');
});

test('a receipt that is archived is not waited for, and the statement is named', async ({
  page,
  person,
}) => {
  await openChat(page, person);
  await ask(page, 'How do tides work?');
  await expect(page.getByRole('button', { name: /^Receipt: .* credits/ })).toBeVisible();
  const age = (months: number) =>
    asOperator(
      (sql) => sql`
        update private.messages set created_at = now() - make_interval(months => ${months})
        where user_id = (
          select personal_user_id from private.accounts where id in (${accountOf(sql, person)})
        )`,
    );
  await page.route('**/rest/v1/receipts?*', (route) => route.fulfill({ json: [] }));
  await age(12);
  await page.reload();
  await expect(page.getByRole('button', { name: 'Receipt: Being settled' })).toBeVisible();
  await age(15);
  await page.reload();
  await page.getByRole('button', { name: 'Receipt: Archived' }).click();
  const receipt = page.getByRole('dialog', { name: 'Receipt' });
  await expect(receipt).toContainText('older than the thirteen months');
  await receipt.getByRole('link', { name: 'statement' }).click();
  await expect(page).toHaveURL(/\/app\/billing\/statement$/);
});

test('a link that is revoked while it is open is gone when one looks again', async ({
  page,
  person,
  browser,
  baseURL,
}) => {
  await openChat(page, person);
  await chooseModel(page, 'Sandbox: Echo');
  await ask(page, 'not for long');
  const href = await share(page);
  await using elsewhere = await browser.newContext(baseURL ? { baseURL } : {});
  const reader = await elsewhere.newPage();
  await reader.goto(href);
  await expect(reader.getByRole('article', { name: 'Answer' })).toContainText('not for long');

  await page.getByRole('button', { name: 'Revoke' }).click();
  await expect(page.getByText('There is no link to this conversation yet.')).toBeVisible();
  await reader.evaluate(() => document.dispatchEvent(new Event('visibilitychange')));
  await expect(reader.getByRole('heading', { name: 'This link does not work' })).toBeVisible();
  await expect(reader.locator('body')).not.toContainText('not for long');
});

test('what a model cannot read any more is left out, and the answer says so', async ({
  page,
  person,
}) => {
  await allowLongTexts(person);
  // A model no other test asks, with room for one of the two long messages.
  await asOperator(
    (sql) => sql`update private.models set context_tokens = 6000 where id = 'sandbox/crlf'`,
  );
  await openChat(page, person);
  await chooseModel(page, 'Sandbox: Echo');
  await ask(page, `The first: ${'long ago '.repeat(600)}`);
  await ask(page, `The second: ${'not so long ago '.repeat(300)}`);
  await chooseModel(page, 'Sandbox: CR LF');
  await ask(page, 'And what did I say first?');
  await expect(answers(page).last()).toContainText(/oldest messages? (was|were)\s+left out/);
  await expect(answers(page).first()).not.toContainText('left out');
  await page.reload();
  await expect(answers(page).last()).toContainText(/oldest messages? (was|were)\s+left out/);
  await expect(answers(page).first()).not.toContainText('left out');
});

test('an answer that lacks a part says so whenever it is read, and can be asked for again', async ({
  page,
  person,
}) => {
  await openChat(page, person);
  await chooseModel(page, 'Sandbox: Echo');
  await ask(page, 'What is whole?');
  await expect(answers(page)).toContainText('What is whole?');
  const id = new URL(page.url()).pathname.split('/').at(-1)!;
  // As it is left by a crash that took a flush with it.
  await asOperator(
    (sql) => sql`
      update private.messages set error_code = 'text_incomplete'
      where conversation_id = ${id} and role = 'assistant'`,
  );
  await page.reload();
  const notice = answers(page)
    .getByRole('status')
    .filter({ hasText: 'A part of the answer was lost' });
  await expect(notice).toBeVisible();
  await answers(page).getByRole('button', { name: 'Try again' }).click();
  await expect(answers(page)).toContainText('What is whole?');
  await expect(notice).toBeHidden();
});

test('a big text is pasted, sent and shown folded', async ({ page, person, context }) => {
  await allowLongTexts(person);
  await context.grantPermissions(['clipboard-read', 'clipboard-write']);
  await openChat(page, person);
  await chooseModel(page, 'Sandbox: Fast');
  const text = Array.from({ length: 1500 }, (_, at) => `Line ${at} of a big text.`).join('\n');
  await page.evaluate((big) => navigator.clipboard.writeText(big), text);
  await composer(page).focus();
  await page.keyboard.press('ControlOrMeta+v');
  await expect(composer(page)).toHaveValue(text);
  // The field scrolls in itself: the page keeps its place, the button its reach.
  await expect(sendButton(page)).toBeInViewport();
  await sendButton(page).click();
  await expect(answers(page)).toContainText('the sandbox speaking');
  await expect(questions(page)).not.toContainText('Line 1499');
  await questions(page).getByRole('button', { name: 'Show all of it' }).click();
  await expect(questions(page)).toContainText('Line 1499');
});

test('conversations are found by the days they were held on', async ({ page, person }) => {
  await openChat(page, person);
  await showList(page);
  await bring(page, [
    { title: 'In spring', at: '2024-04-10T12:00:00Z', texts: ['blossom', 'yes'] },
    { title: 'In summer', at: '2024-07-10T12:00:00Z', texts: ['sun', 'yes'] },
  ]);
  await showList(page);
  const titles = list(page).getByRole('listitem').getByRole('link');
  await expect(titles).toHaveText([/In summer/, /In spring/]);
  await list(page).getByRole('button', { name: 'Filters' }).click();
  await list(page).getByRole('combobox', { name: 'Date' }).selectOption('Between two days…');
  await list(page).getByLabel('From', { exact: true }).fill('2024-04-01');
  await list(page).getByLabel('To', { exact: true }).fill('2024-04-10');
  await expect(titles).toHaveText([/In spring/]);
  // Folded away and back, they tell what holds.
  await list(page).getByRole('button', { name: 'Filters' }).click();
  await expect(list(page).getByLabel('From', { exact: true })).toHaveCount(0);
  await list(page).getByRole('button', { name: 'Filters' }).click();
  await expect(list(page).getByRole('combobox', { name: 'Date' })).toHaveValue('between');
  await expect(list(page).getByLabel('From', { exact: true })).toHaveValue('2024-04-01');
  await expect(list(page).getByLabel('To', { exact: true })).toHaveValue('2024-04-10');
  await list(page).getByLabel('To', { exact: true }).fill('2024-04-09');
  await expect(list(page)).toContainText('Nothing found.');
  await list(page).getByRole('button', { name: 'Show all' }).click();
  await expect(titles).toHaveCount(2);
  await expect(list(page).getByRole('combobox', { name: 'Date' })).toHaveValue('');
});

test('a long conversation opens at its end, and scrolling up never moves what is read', async ({
  page,
  person,
}) => {
  await openChat(page, person);
  await showList(page);
  const texts = Array.from(
    { length: 130 },
    (_, at) => `Message number ${at}. ${'Some words more. '.repeat((at * 7) % 11)}`,
  );
  await bring(page, [{ title: 'A long one', at: '2026-01-10T12:00:00Z', texts }]);
  await showList(page);
  await list(page)
    .getByRole('link', { name: /A long one/ })
    .click();
  await expect(page.getByText('Message number 129.')).toBeInViewport();
  const first = page.getByText('Message number 0.');
  const step = 700;
  const topOf = (id: string) =>
    page.evaluate((one) => document.getElementById(one)!.getBoundingClientRect().top, id);
  const above = () => scroller(page).evaluate((element) => element.scrollTop);
  // Earlier ones are put above while one reads, until there are no more.
  const room = () =>
    expect
      .poll(async () => (await first.isVisible()) || (await above()) > step, { intervals: [30] })
      .toBe(true);
  await room();
  while (!(await first.isVisible())) {
    const read = await scroller(page).evaluate((element) => {
      const edge = element.getBoundingClientRect().top;
      const articles = [...element.querySelectorAll('article')];
      const article = articles.find((one) => one.getBoundingClientRect().bottom > edge)!;
      return { id: article.id, top: article.getBoundingClientRect().top };
    });
    // At once: a wheel glides, and may be cut short by what is put above meanwhile.
    await scroller(page).evaluate((element, up) => {
      element.scrollBy({ top: -up, behavior: 'instant' });
    }, step);
    await room();
    // What is read has moved by what was scrolled, whatever was put above it.
    await expect
      .poll(async () => Math.abs((await topOf(read.id)) - read.top - step), { intervals: [30] })
      .toBeLessThan(4);
  }
  const old = await scroller(page).locator('article').nth(40).getAttribute('id');
  await page.getByRole('button', { name: 'Jump to latest' }).click();
  await expect(page.getByText('Message number 129.')).toBeInViewport();
  // An address that names a message opens there.
  await page.evaluate((id) => history.replaceState(history.state, '', `#${id}`), old);
  await page.reload();
  await expect(page.getByText('Message number 40.')).toBeInViewport();
});

test('whoever scrolls up during an answer is left alone, and may follow it again', async ({
  page,
  person,
}) => {
  await allowLongTexts(person);
  await openChat(page, person);
  await chooseModel(page, 'Sandbox: Echo');
  await send(page, Array.from({ length: 500 }, (_, at) => `Paragraph ${at}.\n\n`).join(''));
  await expect(answers(page)).toContainText('Paragraph 60.');
  await scroller(page).evaluate((element) => (element.scrollTop -= 400));
  // Its name tells whether there is anything to follow still.
  const follow = page.getByRole('button', { name: /Follow the answer|Jump to latest/ });
  await expect(follow).toBeVisible();
  const read = answers(page).getByText('Paragraph 40.');
  const before = await read.boundingBox();
  await expect(answers(page)).toContainText('Paragraph 200.');
  expect(await read.boundingBox()).toEqual(before);
  await follow.click();
  await expect(answers(page)).toContainText('Paragraph 499.');
  await expect(page.getByText('Paragraph 499.').last()).toBeInViewport();
});

test('thoughts that are unfolded stay under the eye', async ({ page, person }) => {
  await openChat(page, person);
  await chooseModel(page, 'DeepSeek: R1 0528');
  await ask(page, 'Why is the sky blue?');
  await ask(page, 'And the sea?');
  const thoughts = answers(page).last().locator('summary');
  // All of the page has its place: a click waits until what it is for does not move.
  await expect(answers(page).getByRole('button', { name: /^Receipt: / })).toHaveCount(2);
  await thoughts.click({ trial: true });
  const before = await thoughts.boundingBox();
  await thoughts.click();
  await expect(answers(page).last().locator('details')).toContainText('The question is');
  // It is measured in one frame, and the page would be moved in the next.
  await page.evaluate(
    () => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))),
  );
  expect(Math.abs((await thoughts.boundingBox())!.y - before!.y)).toBeLessThan(3);
});

test('without credits the way to top up leads there and back, and the message waits', async ({
  page,
  person,
}) => {
  await setCredits(person, -500_000_000, 'e2e-drain');
  await openChat(page, person);
  await composer(page).fill('What can I have for nothing?');
  await expect(page.getByRole('button', { name: 'Not enough credits' })).toBeVisible();
  await sendButton(page).click();
  await expect(page).toHaveURL(/\/app\/chat\/[0-9a-f-]{36}$/);
  const conversation = new URL(page.url()).pathname;
  await expect(page.getByRole('link', { name: 'Top up' })).toHaveAttribute(
    'href',
    `/app/billing/top-up?back=${encodeURIComponent(conversation)}`,
  );
  await page.getByRole('link', { name: 'Top up' }).click();
  await expect(page.getByRole('button', { name: 'Buy Starter' })).toBeVisible();
  await setCredits(person, 500_000_000, 'e2e-refill');
  await page.goBack();
  await expect(questions(page)).toContainText('What can I have for nothing?');
});

test('a model of a higher plan leads to the plans, and the draft waits', async ({
  page,
  person,
}) => {
  await openChat(page, person);
  await composer(page).fill('For a better model');
  await page.getByRole('button', { name: /^Model:/ }).click();
  await page.getByRole('combobox', { name: 'Search models' }).fill('claude opus');
  await expect(page.getByRole('option').first()).toContainText('Included in the Pro plan');
  await expect(page.getByRole('link', { name: 'See the Pro plan' })).toBeVisible();
  await page.keyboard.press('Enter');
  await expect(page).toHaveURL('/app/billing/plans?back=%2Fapp%2Fchat');
  await page.goBack();
  await expect(composer(page)).toHaveValue('For a better model');
});

test('models that did not come are asked for again; a temporary chat outlives a look at the plans', async ({
  page,
  person,
}) => {
  await page.route('**/rest/v1/models*', (route) => route.abort());
  await openChat(page, person);
  await page.getByRole('button', { name: /^Temporary chat/ }).click();
  await page.getByRole('button', { name: /^Model:/ }).click();
  await page.unroute('**/rest/v1/models*');
  await page.getByRole('button', { name: 'Try again' }).click();
  await page.getByRole('combobox', { name: 'Search models' }).fill('claude opus');
  const [plans] = await Promise.all([
    page.waitForEvent('popup'),
    page.getByRole('option').first().click(),
  ]);
  await expect(plans).toHaveURL(/\/app\/billing\/plans/);
  await expect(page.getByRole('heading', { name: 'Temporary chat' })).toBeVisible();
});

test('an answer that was cut off says so and goes on', async ({ page, person }) => {
  await asOperator(async (sql) => {
    const [account] = await accountOf(sql, person);
    // Enough for the question and a little of the answer.
    await sql`
      insert into private.limit_overrides (subject_id, account_id, max_cost_micros, reason)
      values (${account!['id']}, ${account!['id']}, 400000, 'For tests')`;
  });
  await openChat(page, person);
  await chooseModel(page, 'Sandbox: Long, 5 kB');
  await ask(page, 'As long as you can');
  await expect(answers(page)).toContainText('Cut off here');
  await page.reload();
  await expect(answers(page)).toContainText('Cut off here');
  await answers(page).getByRole('button', { name: 'Go on' }).click();
  await expect(questions(page).last()).toContainText('Go on from where you stopped.');
});

test('the open conversation keeps its title and menu while a search leaves it out', async ({
  page,
  person,
}) => {
  await openChat(page, person);
  await chooseModel(page, 'Sandbox: Echo');
  await ask(page, 'an ordinary question');
  await showList(page);
  await list(page).getByLabel('Search conversations').fill('nothing like it');
  await expect(list(page)).toContainText('Nothing found.');
  await page.keyboard.press('Escape');
  await page.keyboard.press('Escape');
  await expect(page.getByRole('heading', { level: 1 })).not.toBeEmpty();
  await expect(page.getByRole('button', { name: 'More about this conversation' })).toBeVisible();
});

test('whoever may only look at a team is told so, and has no field to write in', async ({
  page,
  person,
}) => {
  await asOperator(async (sql) => {
    const [team] = await sql`
      insert into private.accounts (kind, name) values ('team', 'Lighthouse') returning id`;
    await sql`
      insert into private.members (account_id, user_id, role)
      select ${team!['id']}, users.id, 'viewer' from auth.users where email = ${person.email}`;
  });
  await openChat(page, person);
  await expect(composer(page)).toBeVisible();
  if ((page.viewportSize()?.width ?? 0) < 768) {
    await page.getByRole('button', { name: 'Open the menu' }).click();
  }
  await page
    .getByRole('button', { name: /^Account:/ })
    .filter({ visible: true })
    .click();
  await page.getByRole('menuitemradio', { name: /Lighthouse/ }).click();
  await expect(page.getByText('Your role in Lighthouse is to look.')).toBeAttached();
  await expect(composer(page)).toHaveCount(0);
});

test('what the browser does not let one copy is said, for a new link and an old one', async ({
  page,
  person,
}) => {
  await openChat(page, person);
  await ask(page, 'the secret of soup');
  await page.evaluate(() => {
    navigator.clipboard.writeText = () => Promise.reject(new DOMException('', 'NotAllowedError'));
  });
  const toast = page.getByText('The browser did not allow copying.');
  await share(page);
  await expect(toast).toBeVisible();
  await page.getByRole('button', { name: 'Dismiss' }).click();
  await expect(toast).toHaveCount(0);
  await page.getByRole('button', { name: 'Copy the link' }).click();
  await expect(toast).toBeVisible();
  await expect(page.getByText('Something went wrong on our side.')).toHaveCount(0);
});

test('a long message is not cut within a character, and one word is one word', async ({
  page,
  person,
}) => {
  await openChat(page, person);
  await chooseModel(page, 'Sandbox: Echo');
  await ask(page, `${'a'.repeat(2999)}🙂${'b'.repeat(10)}`);
  await expect(questions(page)).toContainText('Show all of it');
  expect((await questions(page).innerText()).isWellFormed()).toBe(true);
  await expect(page.getByText('Sandbox: Echo has answered in 1 word.')).toBeAttached();
});

test('where the page is enlarged the message field leaves room to read', async ({
  page,
  person,
}) => {
  await openChat(page, person);
  await page.setViewportSize({ width: 320, height: 256 });
  await composer(page).fill('line\n'.repeat(20));
  await expect(page.getByText(/^Demo: a sandbox answers|^Models make mistakes/)).toBeHidden();
  const box = await composer(page).boundingBox();
  expect(box!.height).toBeLessThanOrEqual(64);
});
