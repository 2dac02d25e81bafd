import { readFile } from 'node:fs/promises';
import type { Page } from '@playwright/test';
import {
  answers,
  ask,
  chooseModel,
  composer,
  expectDrawerClosed,
  list,
  openChat,
  questions,
  showList,
} from './chat.ts';
import { createPerson, expect, openAs, test } from './test.ts';

test.beforeEach(async ({ page, person }) => {
  await openChat(page, person);
  await chooseModel(page, 'Sandbox: Echo');
});

const row = (page: Page, title: string | RegExp) =>
  list(page).getByRole('listitem').filter({ hasText: title });

async function openRow(page: Page, title: string | RegExp) {
  await row(page, title).getByRole('link').click();
  await expectDrawerClosed(page);
}

async function act(page: Page, title: string | RegExp, action: string) {
  await showList(page);
  await row(page, title).hover();
  await row(page, title).getByRole('button', { name: 'More about' }).click();
  await page.getByRole('menuitem', { name: action }).click();
}

/** The way back from what was just done. A toast that is pointed at stays. */
async function pointAtUndo(page: Page) {
  const undo = page.getByRole('button', { name: 'Undo' });
  await undo.hover();
  return undo;
}

test('conversations are named, pinned, filed, archived, deleted and brought back', async ({
  page,
}) => {
  await ask(page, 'the walrus and the carpenter');
  // Its title may change meanwhile: a model is making it one.
  await act(page, /./, 'Rename');
  await page.getByRole('textbox', { name: 'Title' }).fill('Oysters');
  await page.keyboard.press('Enter');
  await expect(row(page, 'Oysters')).toBeVisible();

  await act(page, 'Oysters', 'Pin');
  await expect(list(page).getByText('Pinned')).toBeVisible();

  await act(page, 'Oysters', 'Move to a folder');
  await page.getByLabel('New folder').fill('Poems');
  await page.getByRole('button', { name: 'Create and move' }).click();
  await expect(page.getByText('Moved to Poems.')).toBeVisible();
  await list(page).getByRole('button', { name: 'Poems', exact: true }).click();
  await expect(row(page, 'Oysters')).toBeVisible();
  await list(page)
    .getByRole('button', { name: /show all conversations/ })
    .click();

  await page.goto('/app/chat');
  await act(page, 'Oysters', 'Archive');
  const unarchive = await pointAtUndo(page);
  await expect(row(page, 'Oysters')).toHaveCount(0);
  await unarchive.click();
  await expect(row(page, 'Oysters')).toBeVisible();
  await expect(unarchive).toHaveCount(0);

  await openRow(page, 'Oysters');
  await act(page, 'Oysters', 'Delete');
  await expect(page).toHaveURL('/app/chat');
  await expectDrawerClosed(page);
  await showList(page);
  const undelete = await pointAtUndo(page);
  await expect(row(page, 'Oysters')).toHaveCount(0);
  await undelete.click();
  await expect(row(page, 'Oysters')).toBeVisible();
  await page.reload();
  await showList(page);
  await expect(row(page, 'Oysters')).toBeVisible();
});

test('a search finds the passage and leads to it; a filter narrows it', async ({ page }) => {
  await ask(page, 'a heliotrope in the window');
  await page.goto('/app/chat');
  await showList(page);
  await list(page).getByLabel('Search conversations').fill('heliot');
  await expect(row(page, 'heliotrope').locator('mark').first()).toHaveText(/heliot/i);
  await openRow(page, 'heliotrope');
  await expect(questions(page)).toContainText('a heliotrope in the window');

  await showList(page);
  await list(page).getByRole('button', { name: 'Filters' }).click();
  await list(page).getByRole('combobox', { name: 'Model' }).selectOption('Sandbox: Slow');
  await expect(list(page)).toContainText('Nothing found.');
  await list(page).getByRole('button', { name: 'Show all' }).click();
  await expect(row(page, /./)).toHaveCount(1);
});

test('what is searched for before the account is known is found once it is', async ({ page }) => {
  await ask(page, 'a heliotrope in the window');
  let know = () => {};
  const known = new Promise<void>((resolve) => (know = resolve));
  await page.route('**/rest/v1/accounts?**', async (route) => {
    await known;
    await route.continue();
  });
  await page.goto('/app/chat');
  await showList(page);
  const search = list(page).getByLabel('Search conversations');
  await search.fill('heliot');
  // The search waits for a pause in the typing: this timer is set after its own, and due after it.
  await page.evaluate(() => new Promise((resolve) => setTimeout(resolve, 200)));
  know();
  await expect(row(page, 'heliotrope').locator('mark').first()).toHaveText(/heliot/i);
  await expect(search).toHaveValue('heliot');
});

test('a shared link is read by a stranger, forked by a friend, and ends when revoked', async ({
  page,
  browser,
  baseURL,
}) => {
  await ask(page, 'the secret of soup');
  await page.getByRole('button', { name: 'More about this conversation' }).click();
  await page.getByRole('menuitem', { name: 'Share by link' }).click();
  await page.getByRole('button', { name: 'Create and copy' }).click();
  const href = await page.getByRole('link', { name: 'Open the link' }).getAttribute('href');

  await using elsewhere = await browser.newContext(baseURL ? { baseURL } : {});
  const friend = await elsewhere.newPage();
  await friend.goto(href!);
  await expect(friend.getByRole('article', { name: 'Answer' })).toContainText('the secret of soup');
  await expect(friend.locator('meta[name=robots]')).toHaveAttribute('content', 'noindex');
  await expect(friend.locator('body')).not.toContainText('Asha');
  await friend.getByRole('button', { name: 'Sign in to go on from here' }).first().click();
  await expect(friend).toHaveURL(/\/signin\?next=/);
  const person = await createPerson();
  await friend.getByLabel('Email').fill(person.email);
  await friend.getByLabel('Password', { exact: true }).fill(person.password);
  await friend.getByRole('button', { name: 'Sign in', exact: true }).click();
  await expect(friend).toHaveURL(href!);
  await friend.getByRole('button', { name: 'Go on from here' }).first().click();
  await expect(friend).toHaveURL(/\/app\/chat\//);
  await expect(questions(friend)).toContainText('the secret of soup');

  await page.getByRole('button', { name: 'Revoke' }).click();
  await expect(page.getByText('There is no link to this conversation yet.')).toBeVisible();
  await friend.goto(href!);
  await expect(friend.getByRole('heading', { name: 'This link does not work' })).toBeVisible();
});

test('a fork goes on by itself', async ({ page }) => {
  await ask(page, 'the fork in the road');
  const original = page.url();
  await page.getByRole('button', { name: /^Copy the conversation/ }).click();
  await expect(page).not.toHaveURL(original);
  await expect(questions(page)).toContainText('the fork in the road');
  await ask(page, 'only here');
  await page.goto(original);
  await expect(questions(page)).toHaveCount(1);
});

test('what is exported can be imported, by whoever has the file', async ({
  page,
  browser,
  baseURL,
}) => {
  await ask(page, 'worth *keeping*');
  const download = async (format: string) => {
    await page.getByRole('button', { name: 'More about this conversation' }).click();
    await page.getByRole('menuitem', { name: 'Export' }).click();
    const [file] = await Promise.all([
      page.waitForEvent('download'),
      page.getByRole('dialog').getByRole('button', { name: format }).click(),
    ]);
    return file.path();
  };
  expect(await readFile(await download('Markdown'), 'utf8')).toContain('## You');
  expect(await readFile(await download('Text'), 'utf8')).toContain('worth *keeping*');
  expect(await readFile(await download('Web page'), 'utf8')).toContain('<em>keeping</em>');
  const json = await download('JSON');

  await using elsewhere = await browser.newContext(baseURL ? { baseURL } : {});
  const other = await elsewhere.newPage();
  await openAs(other, await createPerson());
  await expect(composer(other)).toBeVisible();
  const bring = async () => {
    await other.keyboard.press('Control+k');
    await other.getByRole('option', { name: 'Import conversations' }).click();
    await other.locator('dialog input[type=file]').setInputFiles(json);
    await expect(other.getByText('1 conversation in the file.')).toBeVisible();
  };
  await bring();
  await other.getByRole('button', { name: 'Import 1' }).click();
  await expect(other.getByText('1 conversation is in your list now.')).toBeVisible();
  await other.getByRole('button', { name: 'Done' }).click();
  await showList(other);
  await openRow(other, /./);
  await expect(answers(other)).toContainText('worth keeping');

  await bring();
  await expect(other.getByRole('button', { name: 'Import 0' })).toBeDisabled();
});

test('a file that is no export is refused in words', async ({ page }) => {
  await page.keyboard.press('Control+k');
  await page.getByRole('option', { name: 'Import conversations' }).click();
  const choose = (name: string, text: string) =>
    page
      .locator('dialog input[type=file]')
      .setInputFiles({ name, mimeType: 'application/json', buffer: Buffer.from(text) });
  await choose('cut.json', '[{"title": "half a fi');
  await expect(page.getByRole('alert')).toContainText('breaks off in the middle');
  await choose('archive.zip', 'PK\u0003\u0004');
  await expect(page.getByRole('alert')).toContainText('zip archive');
});

test('who ends a rename or gives up an edit by key is where it was begun', async ({ page }) => {
  await ask(page, 'the walrus and the carpenter');
  await act(page, /./, 'Rename');
  await page.getByRole('textbox', { name: 'Title' }).fill('Oysters');
  await page.keyboard.press('Enter');
  await expect(row(page, 'Oysters').getByRole('link')).toBeFocused();

  await openRow(page, 'Oysters');
  const title = page.getByRole('heading', { level: 1 }).getByRole('button', { name: 'Oysters' });
  await title.click();
  await page.getByRole('textbox', { name: 'Title' }).press('Escape');
  await expect(title).toBeFocused();

  const edit = page.getByRole('button', { name: 'Edit your message' });
  await edit.click();
  await page.getByRole('textbox', { name: 'Edit your message' }).press('Escape');
  await expect(edit).toBeFocused();
});
