// What a phone has no keys for: of the projects only the desktop's runs it.
import {
  answers,
  ask,
  chooseModel,
  composer,
  list,
  openChat,
  questions,
  send,
  someText,
  stopButton,
} from './chat.ts';
import { expect, test } from './test.ts';

test('the page goes on by keyboard: palette, help, model, send', async ({ page, person }) => {
  await openChat(page, person);
  await expect(composer(page)).toBeFocused();
  await page.keyboard.press('Control+k');
  await expect(page.getByRole('combobox', { name: /^Find/ })).toBeFocused();
  await page.keyboard.type('keyboard');
  await page.keyboard.press('Enter');
  await expect(page.getByRole('dialog', { name: 'Keyboard' })).toBeVisible();
  await page.keyboard.press('Escape');
  await composer(page).focus();
  await page.keyboard.press('Shift+Tab');
  await page.keyboard.press('?');
  await expect(page.getByRole('dialog', { name: 'Keyboard' })).toBeVisible();
  await page.keyboard.press('Escape');
  await page.keyboard.press('/');
  await expect(composer(page)).toBeFocused();
  await page.keyboard.type('one');
  await page.keyboard.press('Shift+Enter');
  await page.keyboard.type('two');
  await expect(composer(page)).toHaveValue('one\ntwo');
  await page.keyboard.press('Enter');
  await expect(questions(page)).toContainText('one');
  await expect(page.getByRole('status').filter({ hasText: 'has answered in' })).toBeAttached();
});

test('what is typed right after Ctrl+K is searched for, however late code is', async ({
  page,
  person,
}) => {
  await openChat(page, person);
  await expect(composer(page)).toBeFocused();
  const { promise: isWaited, resolve: goOn } = Promise.withResolvers<unknown>();
  await page.route('**/*.js', async (route) => {
    await isWaited;
    await route.continue();
  });
  await page.keyboard.press('Control+k');
  await page.keyboard.type('the');
  goOn(null);
  await expect(page.getByRole('combobox', { name: /^Find/ })).toHaveValue('the');
  await page.keyboard.type('me');
  await expect(page.getByRole('combobox', { name: /^Find/ })).toHaveValue('theme');
  await expect(page.getByRole('option', { name: 'Theme: dark' })).toBeVisible();
  await page.keyboard.press('Escape');
  await expect(composer(page)).toBeFocused();
  await expect(composer(page)).toHaveValue('');
});

test('a conversation is walked with the keyboard alone', async ({ page, person }) => {
  await openChat(page, person);
  await chooseModel(page, 'Sandbox: Echo');
  await composer(page).focus();
  await page.keyboard.type('by hand');
  await page.keyboard.press('Enter');
  await expect(answers(page).locator('.markdown')).toHaveText('by hand');
  // While it is being written nothing else can be asked, nor anything be edited.
  await expect(answers(page).getByRole('button', { name: /^Receipt: / })).toBeVisible();
  await expect(composer(page)).toBeFocused();

  // The last message is changed from an empty field, and left again without a trace.
  await page.keyboard.press('ArrowUp');
  await expect(page.getByRole('textbox', { name: 'Edit your message' })).toBeFocused();
  await page.keyboard.press('Escape');
  await expect(page.getByRole('textbox', { name: 'Edit your message' })).toHaveCount(0);

  // From the messages on, Tab reaches what can be done to them.
  await page.getByRole('region', { name: 'Messages' }).focus();
  const reached: string[] = [];
  for (let at = 0; at < 12; at += 1) {
    await page.keyboard.press('Tab');
    const label = await page.evaluate(
      () => document.activeElement?.getAttribute('aria-label') ?? document.activeElement?.tagName,
    );
    reached.push(label ?? '');
  }
  expect(reached.join('\n')).toMatch(
    /Copy your message\nEdit your message\nReceipt: .* credits?\nCopy the answer\nAsk again\nCopy the conversation/,
  );

  await page.getByRole('button', { name: 'Ask again' }).focus();
  await page.keyboard.press('Enter');
  await expect(page.getByRole('menuitem').first()).toBeFocused();
  await page.keyboard.press('Escape');
  await expect(page.getByRole('button', { name: 'Ask again' })).toBeFocused();
});

test('a beginning and a key take nothing from what is under way', async ({ page, person }) => {
  await openChat(page, person);
  await composer(page).fill('my own words');
  await page.getByRole('button', { name: 'Explain' }).click();
  await expect(composer(page)).toHaveValue('Explain in plain words, with an example: my own words');
  await page.getByRole('button', { name: 'Write', exact: true }).click();
  await expect(composer(page)).toHaveValue('Write a short, friendly email that my own words');

  await page.keyboard.press('Control+k');
  await page.getByRole('option', { name: 'Import conversations' }).click();
  const dialog = page.getByRole('dialog', { name: 'Import conversations' });
  await dialog.getByRole('button', { name: 'Cancel' }).focus();
  await page.keyboard.press('?');
  await page.keyboard.press('Control+k');
  await expect(dialog).toBeVisible();
  await page.keyboard.press('Escape');

  await chooseModel(page, 'Sandbox: Slow');
  await send(page, 'Take your time');
  await someText(page);
  await list(page).getByLabel('Search conversations').focus();
  await page.keyboard.press('Escape');
  await expect(stopButton(page)).toBeEnabled();
  await composer(page).focus();
  await page.keyboard.press('Escape');
  await expect(answers(page)).toContainText('Stopped.');
});

test('an answer is announced when it begins and when it ends, not word by word', async ({
  page,
  person,
}) => {
  await openChat(page, person);
  await chooseModel(page, 'Sandbox: Echo');
  await page.evaluate(() => {
    const said: string[] = [];
    Object.assign(window, { said });
    new MutationObserver(() => {
      for (const region of document.querySelectorAll('[role=status].sr-only')) {
        const text = region.textContent?.trim() ?? '';
        // The list beside it has a region of its own.
        if (text && text !== 'Loading conversations' && said.at(-1) !== text) said.push(text);
      }
    }).observe(document.body, { subtree: true, childList: true, characterData: true });
  });
  await ask(page, Array.from({ length: 150 }, (_, at) => `word${at}`).join(' '));
  await expect
    .poll(() => page.evaluate(() => (window as unknown as { said: string[] }).said))
    .toEqual(['The answer is being written.', 'Sandbox: Echo has answered in 150 words.']);
  // What grows is no live region itself: it would be read from the start at every piece.
  await expect(answers(page).locator('[aria-live]')).toHaveCount(0);
  await send(page, 'and again');
  await expect(answers(page)).toHaveCount(2);
});

test('who writes elsewhere before the composer is there goes on writing', async ({
  page,
  person,
}) => {
  await openChat(page, person);
  await page.addInitScript(() => {
    const watching = new MutationObserver(() => {
      const search = document.querySelector<HTMLElement>('input[type=search]');
      search?.focus();
      if (search) watching.disconnect();
    });
    watching.observe(document, { childList: true, subtree: true });
  });
  await page.reload();
  await expect(composer(page)).toBeVisible();
  await page.keyboard.type('heliot');
  await expect(page.getByLabel('Search conversations')).toHaveValue('heliot');
  await expect(composer(page)).toHaveValue('');
});
