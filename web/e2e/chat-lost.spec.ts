// What must not be lost: words that were not taken, answers that were not replaced, and the way back to them.
import type { Page } from '@playwright/test';
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
  sendButton,
  textOf,
} from './chat.ts';
import { createPerson, expect, signIn, test } from './test.ts';

const scroller = (page: Page) => page.getByRole('region', { name: 'Messages' });
const idOf = (page: Page) => page.url().split('/').at(-1)!;

test.beforeEach(async ({ page, person }) => {
  await openChat(page, person);
  await chooseModel(page, 'Sandbox: Echo');
});

/** As if somebody had gone on elsewhere: turns below the last one, the last of them open. */
async function goOnElsewhere(page: Page, count: number, text: string): Promise<void> {
  await asOperator(
    (sql) => sql`
      with conversation as (select * from private.conversations where id = ${idOf(page)}),
      turns as (select n, gen_random_uuid() as id from generate_series(1, ${count}::integer) as n),
      added as (
        insert into private.messages (conversation_id, id, user_id, parent_id, role, content, created_at)
        select
          conversation.id, turns.id, conversation.user_id,
          coalesce(lag(turns.id) over (order by n), conversation.leaf_id),
          (case when n % 2 = 1 then 'user' else 'assistant' end)::private.message_role,
          ${text} || n, now() + n * interval '1 millisecond'
        from conversation, turns
      )
      update private.conversations set leaf_id = (select turns.id from turns order by n desc limit 1)
      where id = ${idOf(page)}`,
  );
}

/** Scrolls to the first message of all, which comes page by page. */
const findFirst = (page: Page) =>
  expect(async () => {
    await scroller(page).evaluate((element) => element.scrollTo(0, 0));
    await expect(questions(page).first()).toContainText('the very first', { timeout: 200 });
  }).toPass();

const lookAgain = (page: Page) =>
  page.evaluate(() => document.dispatchEvent(new Event('visibilitychange')));

test('a message that is too long to be taken is there again after a reload', async ({ page }) => {
  const text = 'paste me '.repeat(120_000);
  await send(page, text);
  await expect(scroller(page).getByText('The message is too long')).toBeVisible();
  await page.reload();
  // Once it is known that there is no such conversation yet.
  await expect(page.getByRole('heading', { name: /^Hello/ })).toBeVisible();
  await expect(composer(page)).toHaveValue(text);
});

test('what is sent to a conversation that was deleted elsewhere waits until it is back', async ({
  page,
}) => {
  await ask(page, 'a first word');
  await asOperator(
    (sql) => sql`update private.conversations set deleted_at = now() where id = ${idOf(page)}`,
  );
  await send(page, 'are you still there?');
  await expect(page.getByText('This conversation is deleted.')).toBeVisible();
  await expect(composer(page)).toHaveCount(0);
  await page.reload();
  await page.getByRole('button', { name: 'Bring it back' }).click();
  await expect(composer(page)).toHaveValue('are you still there?');
  await sendButton(page).click();
  await expect(answers(page).last()).toContainText('are you still there?');
});

test('a refusal to answer again leads back to the answer there was', async ({ page }) => {
  await ask(page, 'keep what you said');
  await page.route('**/chat/runs', (route) =>
    route.fulfill({
      status: 429,
      json: { error: { code: 'rate_limited', message: 'Too fast.', rule: 'rate' } },
    }),
  );
  await page.getByRole('button', { name: 'Ask again' }).click();
  await page
    .getByRole('menuitem', { name: /^Again with/ })
    .first()
    .click();
  await expect(scroller(page).getByText('Too fast.')).toBeVisible();
  await page.getByRole('button', { name: 'Back to the earlier answer' }).click();
  await expect(answers(page)).toContainText('keep what you said');
  await expect(scroller(page).getByText('Too fast.')).toHaveCount(0);
});

test('who signs in next does not read what was typed here', async ({ page }) => {
  await composer(page).fill('my diary');
  await page.getByRole('button', { name: 'You: Asha Rao' }).filter({ visible: true }).click();
  await page
    .getByRole('menuitem', { name: /^Sign out/ })
    .first()
    .click();
  await expect(page).not.toHaveURL(/\/app/);
  await signIn(page, await createPerson());
  await expect(composer(page)).toHaveValue('');
});

test('however much was said elsewhere, what was said before it is still above it', async ({
  page,
}) => {
  await ask(page, 'the very first');
  await goOnElsewhere(page, 60, 'elsewhere ');
  await lookAgain(page);
  await expect(answers(page).last()).toContainText('elsewhere 60');
  await findFirst(page);
});

test('whoever came from a search and goes on stays where they write', async ({ page }) => {
  await ask(page, 'a heliotrope in the window');
  await goOnElsewhere(page, 6, 'a line\n\n'.repeat(30));
  await page.goto('/app/chat');
  await page.getByLabel('Search conversations').fill('heliot');
  await list(page)
    .getByRole('link', { name: /heliotrope/ })
    .click();
  await expect(questions(page).first()).toBeInViewport();
  await send(page, 'and now the end');
  await expect(answers(page).last()).toHaveAttribute('aria-busy', 'false');
  await expect(answers(page).last()).toContainText('and now the end');
  await expect(answers(page).last()).toBeInViewport();
});

test('earlier messages that could not be had can be asked for again', async ({ page }) => {
  await ask(page, 'the very first');
  await goOnElsewhere(page, 120, 'elsewhere ');
  await page.route(/\/messages\?.*or=/, (route) => route.abort());
  await page.reload();
  await expect(answers(page).last()).toContainText('elsewhere 120');
  const again = page.getByRole('button', { name: 'Load earlier messages' });
  await expect(async () => {
    await scroller(page).evaluate((element) => element.scrollTo(0, 0));
    await expect(again).toBeVisible({ timeout: 200 });
  }).toPass();
  await page.unroute(/\/messages\?.*or=/);
  await again.click();
  await findFirst(page);
});

test('an answer of nothing but space says that there is none', async ({ page }) => {
  await ask(page, 'say nothing');
  await asOperator(
    (sql) => sql`
      update private.messages set content = E' \n\n ' where role = 'assistant' and conversation_id = ${idOf(page)}`,
  );
  await page.reload();
  await expect(answers(page)).toContainText('The model ended without a word to read.');
});

/** From now on `cut` hangs up on the answer that comes first, as a lost connection does. */
const cutFirstAnswer = (page: Page) =>
  page.addInitScript(() => {
    const usual = window.fetch;
    window.fetch = async (...args) => {
      const response = await usual(...args);
      if (!response.url.endsWith('/chat/runs') || !response.body || 'cut' in window)
        return response;
      const reader = response.body.getReader();
      const body = new ReadableStream<Uint8Array>({
        start: (controller) =>
          void Object.assign(window, {
            cut() {
              controller.error(new TypeError('network error'));
              void reader.cancel();
            },
          }),
        async pull(controller) {
          const { value, done } = await reader.read();
          if (done) controller.close();
          else controller.enqueue(value);
        },
      });
      return new Response(body, response);
    };
  });

test('the rest of a temporary answer is gone with its connection, and the page says so', async ({
  page,
}) => {
  await cutFirstAnswer(page);
  await page.goto('/app/chat?temporary');
  await chooseModel(page, 'Sandbox: Echo');
  const words = Array.from({ length: 200 }, (_, at) => `word${at}`).join(' ');
  const resumed: string[] = [];
  page.on('request', (request) => {
    if (request.url().includes('/chat/runs/')) resumed.push(request.url());
  });
  await send(page, words);
  await expect(answers(page)).toContainText('word1');
  await page.evaluate(() => (window as unknown as { cut(): void }).cut());

  await expect(answers(page)).toContainText('the rest of this answer with it');
  await expect(textOf(answers(page))).toContainText('word1');
  await expect(textOf(answers(page))).not.toContainText('word199');
  await expect(answers(page)).toContainText('A temporary answer is not kept anywhere.');
  await expect(page.getByRole('button', { name: 'Fetch the answer' })).toHaveCount(0);
  // It was stopped, so its cost is asked of the provider first.
  await expect(answers(page)).toContainText('Charged for what was written', { timeout: 60_000 });
  expect(resumed).toEqual([]);

  await page.getByRole('button', { name: 'Try again' }).click();
  await expect(textOf(answers(page).last())).toHaveText(words);
});
