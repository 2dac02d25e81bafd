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
  someText,
  stopButton,
  textOf,
} from './chat.ts';
import { expect, test } from './test.ts';

const isPhone = (page: Page) => (page.viewportSize()?.width ?? 0) < 768;

test('a stranger signs up, asks, and sees the answer, its cost and its title', async ({
  page,
  stranger,
}) => {
  await page.goto('/signup');
  await page.getByLabel('Name').fill(stranger.name);
  await page.getByLabel('Email').fill(stranger.email);
  await page.getByLabel('Password', { exact: true }).fill(stranger.password);
  await page.getByRole('button', { name: 'Create account' }).click();
  await expect(page).toHaveURL('/app/chat');

  await composer(page).fill('How do tides work?');
  await expect(page.getByText(/^[\d.,]+ – [\d.,]+/)).toBeVisible();
  await expect(page.getByRole('button', { name: /100 requests left this month/ })).toBeVisible();
  // On a phone Enter begins a new line.
  await page.getByRole('button', { name: 'Send' }).click();
  await expect(page).toHaveURL(/\/app\/chat\/[0-9a-f-]{36}$/);
  await expect(answers(page)).toContainText('the sandbox speaking');
  // The router says why, and the receipt what it came to.
  await expect(answers(page)).toContainText('An everyday question');
  await page.getByRole('button', { name: /^Receipt: .* credits/ }).click();
  const receipt = page.getByRole('dialog', { name: 'Receipt' });
  await expect(receipt).toContainText('Charged');
  await expect(receipt).toContainText('Welcome credits');
  await page.keyboard.press('Escape');
  await expect(page.getByRole('button', { name: /99 requests left this month/ })).toBeVisible();
  await expect(page.getByRole('heading', { level: 1 })).not.toHaveText('How do tides work?');
});

test('Escape stops an answer; what came is kept over a reload', async ({ page, person }) => {
  await openChat(page, person);
  await chooseModel(page, 'Sandbox: Slow');
  await send(page, 'Take your time');
  await someText(page);
  await page.keyboard.press('Escape');
  await expect(answers(page)).toContainText('Stopped.');
  const text = await textOf(answers(page)).innerText();
  await page.reload();
  await expect(answers(page)).toContainText('Stopped.');
  await expect(textOf(answers(page))).toHaveText(text, { useInnerText: true });
});

test('an answer goes on over a reload and in a second tab, and one stops it for both', async ({
  page,
  person,
  context,
}) => {
  await openChat(page, person);
  await chooseModel(page, 'Sandbox: Slow');
  await send(page, 'Take your time');
  const begun = await someText(page);
  await page.reload();
  await expect(answers(page)).toContainText(begun);
  await expect(stopButton(page)).toBeVisible();

  const second = await context.newPage();
  await second.goto(page.url());
  await expect(answers(second)).toContainText(begun);
  await stopButton(second).click();
  await expect(answers(second)).toContainText('Stopped.');
  await expect(answers(page)).toContainText('Stopped.');
  const shown = await Promise.all([page, second].map((tab) => textOf(answers(tab)).innerText()));
  // What is kept of it is what a new look finds.
  await second.reload();
  await expect(answers(second)).toContainText('Stopped.');
  const kept = await textOf(answers(second)).innerText();
  expect(shown).toEqual([kept, kept]);
});

test('a lost network is told, and the answer is whole when it is back', async ({
  page,
  person,
  context,
}) => {
  await openChat(page, person);
  await chooseModel(page, 'Sandbox: Echo');
  const words = Array.from({ length: 120 }, (_, at) => `word${at}`).join(' ');
  await send(page, words);
  await expect(answers(page)).toContainText('word1');
  await context.setOffline(true);
  await expect(page.getByText('You are offline.')).toBeVisible();
  await context.setOffline(false);
  await expect(answers(page).locator('.markdown')).toHaveText(words);
  await expect(sendButton(page)).toBeVisible();

  await context.setOffline(true);
  await send(page, 'Sent into the void');
  await expect(questions(page).last()).toContainText('Sent into the void');
  await context.setOffline(false);
  await expect(answers(page)).toHaveCount(2);
  await expect(answers(page).last().locator('.markdown')).toHaveText('Sent into the void');
});

test('an edit and a second answer make branches, and none is lost', async ({ page, person }) => {
  await openChat(page, person);
  await chooseModel(page, 'Sandbox: Echo');
  await ask(page, 'first telling');
  await page.getByRole('button', { name: 'Edit your message' }).click();
  const field = page.getByRole('textbox', { name: 'Edit your message' });
  await field.fill('second telling');
  await field.press('Control+Enter');
  await expect(answers(page).locator('.markdown')).toHaveText('second telling');
  await page.getByRole('button', { name: 'Earlier version' }).click();
  await expect(answers(page).locator('.markdown')).toHaveText('first telling');

  await chooseModel(page, 'Sandbox: Fast');
  await page.getByRole('button', { name: 'Ask again' }).click();
  await page.getByRole('menuitem', { name: 'Again with Sandbox: Fast' }).click();
  await expect(answers(page)).toContainText('the sandbox speaking');
  await expect(page.getByRole('group', { name: 'Versions' })).toHaveCount(2);
  await page.reload();
  await expect(answers(page)).toContainText('the sandbox speaking');
  await answers(page).getByRole('button', { name: 'Earlier version' }).click();
  await expect(answers(page).locator('.markdown')).toHaveText('first telling');
});

test('however long a conversation, it is the messages that scroll and not the page', async ({
  page,
  person,
}) => {
  await openChat(page, person);
  await chooseModel(page, 'Sandbox: Echo');
  await ask(page, `${'A line.\n\n'.repeat(40)}\`\`\`js\n${'code();\n'.repeat(40)}\`\`\``);
  await expect(answers(page).getByRole('button', { name: /^Copy the code/ })).toBeAttached();
  const [ofPage, ofMessages] = await page.evaluate(() =>
    [document.documentElement, document.querySelector('[data-scroller]')!].map(
      (element) => element.scrollHeight - element.clientHeight,
    ),
  );
  expect(ofMessages).toBeGreaterThan(500);
  expect(ofPage).toBe(0);
});

test('a draft is kept for its conversation, and goes when it is sent', async ({ page, person }) => {
  await openChat(page, person);
  await composer(page).fill('half a thought');
  await page.reload();
  await expect(composer(page)).toHaveValue('half a thought');
  await chooseModel(page, 'Sandbox: Echo');
  await ask(page, 'half a thought');
  await composer(page).fill('another half');
  await page.reload();
  await expect(composer(page)).toHaveValue('another half');
  await page.goto('/app/chat');
  await expect(composer(page)).toHaveValue('');
});

test('a file that is dropped becomes text; one that is no text is refused', async ({
  page,
  person,
}) => {
  await openChat(page, person);
  const files = page.getByLabel('Add the text of a file');
  await files.setInputFiles({
    name: 'notes.md',
    mimeType: 'text/markdown',
    buffer: Buffer.from('# Hi'),
  });
  await expect(composer(page)).toHaveValue('notes.md\n```md\n# Hi\n```\n');
  await files.setInputFiles({
    name: 'a.png',
    mimeType: 'image/png',
    buffer: Buffer.from([137, 80, 0]),
  });
  await expect(page.getByRole('alert')).toContainText('a.png is not a text file.');
});

test('a model that fails says what was charged, and another one answers', async ({
  page,
  person,
}) => {
  await openChat(page, person);
  await chooseModel(page, 'Sandbox: Fails mid-stream');
  await send(page, 'Please fail');
  await expect(answers(page).getByRole('status')).toContainText('Nothing was charged.');
  await page.getByRole('button', { name: 'Choose another model' }).click();
  await page.getByRole('combobox', { name: 'Search models' }).fill('sandbox echo');
  await page.keyboard.press('Enter');
  await expect(answers(page).locator('.markdown')).toHaveText('Please fail');
  await expect(answers(page).getByRole('group', { name: 'Versions' })).toContainText('2');
});

test('without credits the next step is offered, and the message is kept', async ({
  page,
  person,
}) => {
  await asOperator(async (sql) => {
    const [account] = await accountOf(sql, person);
    await sql`select private.adjust_credits(${account!['id']}, -500000000, 'e2e-drain', 'For tests', 'tests')`;
  });
  await openChat(page, person);
  await send(page, 'What can I have for nothing?');
  await expect(page.getByText('There are not enough credits').last()).toBeVisible();
  await expect(page.getByText('Nothing was charged.')).toBeVisible();
  await expect(page.getByRole('button', { name: 'Choose another model' })).toBeVisible();
  await page.reload();
  await expect(questions(page)).toContainText('What can I have for nothing?');
  await asOperator(async (sql) => {
    const [account] = await accountOf(sql, person);
    await sql`select private.adjust_credits(${account!['id']}, 500000000, 'e2e-refill', 'For tests', 'tests')`;
  });
  await page.getByRole('button', { name: 'Get an answer' }).click();
  await expect(answers(page)).toContainText('the sandbox speaking');
});

test('too many requests: the wait is counted down, then it goes on', async ({ page, person }) => {
  await asOperator(async (sql) => {
    const [account] = await accountOf(sql, person);
    await sql`
      insert into private.limit_overrides (subject_id, account_id, requests_per_minute, reason)
      values (${account!['id']}, ${account!['id']}, 1, 'For tests')`;
  });
  await openChat(page, person);
  await chooseModel(page, 'Sandbox: Echo');
  await ask(page, 'one');
  await send(page, 'two');
  await expect(page.getByText('Too many requests').last()).toBeVisible();
  await expect(page.getByRole('button', { name: /^Try again in \d+ s$/ })).toBeDisabled();
  await asOperator(async (sql) => {
    const [account] = await accountOf(sql, person);
    await sql`delete from private.limit_overrides where subject_id = ${account!['id']}`;
  });
  await page.reload();
  await page.getByRole('button', { name: 'Get an answer' }).click();
  await expect(answers(page).last().locator('.markdown')).toHaveText('two');
});

test('a temporary chat is metered and leaves nothing behind', async ({ page, person }) => {
  await openChat(page, person);
  await page.getByRole('button', { name: /^Temporary chat/ }).click();
  await expect(page.getByRole('heading', { name: 'Temporary chat' })).toBeVisible();
  await chooseModel(page, 'Sandbox: Echo');
  await ask(page, 'nobody must know');
  await expect(page.getByRole('button', { name: /99 requests left/ })).toBeVisible();
  page.once('dialog', (dialog) => void dialog.accept());
  await page.reload();
  await expect(page.getByRole('heading', { name: 'Temporary chat' })).toBeVisible();
  if (isPhone(page)) await page.getByRole('button', { name: 'Open the menu' }).click();
  await expect(list(page)).toContainText('will be listed here');
});

test('a temporary chat with an answer is not left without a word', async ({ page, person }) => {
  const browserAsks: string[] = [];
  page.on('dialog', (dialog) => {
    browserAsks.push(dialog.type());
    void dialog.dismiss();
  });
  await openChat(page, person);
  await chooseModel(page, 'Sandbox: Fast');
  await ask(page, 'kept');
  const stored = new URL(page.url()).pathname;
  const storedLink = list(page).locator(`a[href="${stored}"]`);
  const question = page.getByRole('dialog', { name: 'Leave this temporary chat?' });
  const newChat = () => page.keyboard.press('ControlOrMeta+Shift+O');

  // What is stored is left as ever, and so is what has not begun.
  await newChat();
  await page.getByRole('button', { name: /^Temporary chat/ }).click();
  await expect(page.getByRole('heading', { name: 'Temporary chat' })).toBeVisible();
  await newChat();
  await expect(page.getByRole('heading', { name: 'Hello, Asha' })).toBeVisible();
  await page.getByRole('button', { name: /^Temporary chat/ }).click();
  await chooseModel(page, 'Sandbox: Echo');
  await ask(page, 'only here');

  // By key, by the button, back, and to a conversation in the list.
  await newChat();
  await expect(question.getByRole('button', { name: 'Stay' })).toBeFocused();
  await page.keyboard.press('Escape');
  await expect(question).toHaveCount(0);
  await expect(composer(page)).toBeFocused();
  await page.getByRole('button', { name: 'Leave the temporary chat' }).click();
  await question.getByRole('button', { name: 'Stay' }).click();
  await page.goBack();
  await question.getByRole('button', { name: 'Stay' }).click();
  await expect(page).toHaveURL('/app/chat?temporary');
  await showList(page);
  await storedLink.click();
  await question.getByRole('button', { name: 'Stay' }).click();
  await expect(answers(page)).toContainText('only here');
  expect(browserAsks).toEqual([]);

  await page.evaluate('setTimeout(() => location.reload())');
  await expect.poll(() => browserAsks).toEqual(['beforeunload']);
  await expect(answers(page)).toContainText('only here');

  // The drawer, where there is one, is still open.
  await storedLink.click();
  await question.getByRole('button', { name: 'Leave', exact: true }).click();
  await expect(page).toHaveURL(stored);
  await expect(answers(page)).toContainText('the sandbox speaking');
  await page.reload();
  await expect(answers(page)).toContainText('the sandbox speaking');
  expect(browserAsks).toEqual(['beforeunload']);
});

test('while a temporary answer comes one is asked as well, and back is back', async ({
  page,
  person,
}) => {
  await openChat(page, person);
  await page.getByRole('button', { name: /^Temporary chat/ }).click();
  await chooseModel(page, 'Sandbox: Long, 200 kB');
  await send(page, 'Go on for long');
  await expect(stopButton(page)).toBeVisible();
  await page.goBack();
  const question = page.getByRole('dialog', { name: 'Leave this temporary chat?' });
  await expect(question).toContainText('The answer that is being written stops');
  await question.getByRole('button', { name: 'Leave', exact: true }).click();
  await expect(page).toHaveURL('/app/chat');
  await expect(page.getByRole('heading', { name: 'Hello, Asha' })).toBeVisible();
  await expect(answers(page)).toHaveCount(0);
});

test('the list of models has its height before it has come', async ({ page, person }) => {
  await openChat(page, person);
  await page.waitForLoadState('networkidle');
  const held = Promise.withResolvers();
  await page.route('**/_app/**/*.js', async (route) => {
    await held.promise;
    await route.continue();
  });
  await page.getByRole('button', { name: /^Model:/ }).click();
  const panel = page.getByRole('dialog', { name: 'Choose a model' });
  const height = () => panel.evaluate((element: HTMLElement) => element.offsetHeight);
  await expect(panel).toBeVisible();
  const before = await height();
  held.resolve(null);
  await expect(page.getByRole('option').first()).toBeVisible();
  expect(await height()).toBe(before);
});

test('a receipt opens on the side with more room', async ({ page, person }) => {
  await openChat(page, person);
  await ask(page, 'How do tides work?');
  await ask(page, 'Compare Postgres and SQLite for a small team');
  const button = answers(page)
    .first()
    .getByRole('button', { name: /^Receipt: / });
  for (const [block, side] of [
    ['start', 'below'],
    ['end', 'above'],
  ] as const) {
    await button.evaluate((element, block) => element.scrollIntoView({ block }), block);
    await button.click();
    const receipt = page.getByRole('dialog', { name: 'Receipt' });
    await expect(receipt).toContainText('Charged');
    const [panel, trigger] = [await receipt.boundingBox(), await button.boundingBox()];
    expect(panel!.y > trigger!.y ? 'below' : 'above').toBe(side);
    await page.keyboard.press('Escape');
  }
});

test('a conversation is known by its title, and prints on as many sheets as it takes', async ({
  page,
  person,
}) => {
  await openChat(page, person);
  await expect(page).toHaveTitle('New chat · OneAI');
  await chooseModel(page, 'Sandbox: Echo');
  await ask(page, 'What makes the tides?\n'.repeat(100));
  await expect(page).toHaveTitle(/[^·]{5,} · OneAI$/);
  await expect(page).not.toHaveTitle('Chat · OneAI');
  const pdf = await page.pdf({ format: 'A5' });
  expect(pdf.toString('latin1').match(/\/Type\s*\/Page\b/g)?.length).toBeGreaterThan(3);
});
