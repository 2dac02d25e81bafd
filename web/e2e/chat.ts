import type { Locator, Page } from '@playwright/test';
import postgres from 'postgres';
import { expect, type Member, openAs, type Person } from './test.ts';

/** The words a person finds the chat by. */
export const composer = (page: Page) => page.getByLabel('Message', { exact: true });
export const answers = (page: Page) => page.getByRole('article', { name: /^Answer/ });
export const questions = (page: Page) => page.getByRole('article', { name: 'You' });
export const sendButton = (page: Page) => page.getByRole('button', { name: 'Send', exact: true });
export const stopButton = (page: Page) => page.getByRole('button', { name: 'Stop', exact: true });
export const list = (page: Page) =>
  page.getByRole('region', { name: 'Conversations' }).filter({ visible: true });

/** The list is a drawer on a phone. */
export async function showList(page: Page): Promise<void> {
  const menu = page.getByRole('button', { name: 'Open the menu' }).filter({ visible: true });
  await expect(list(page).or(menu).first()).toBeVisible();
  if ((await list(page).count()) > 0) return;
  await menu.click();
  await expect(list(page)).toBeVisible();
}

/** As when a page is opened from it. */
export async function expectDrawerClosed(page: Page): Promise<void> {
  await expect(page.getByRole('dialog', { name: 'Menu' })).toHaveCount(0);
}

export async function openChat(page: Page, person: Member): Promise<void> {
  await openAs(page, person);
  await expect(page.getByRole('heading', { name: 'Hello, Asha' })).toBeVisible();
}

/** The sandbox's own models are found by their name. */
export async function chooseModel(page: Page, name: string): Promise<void> {
  await page.getByRole('button', { name: /^Model:/ }).click();
  const [maker, short] = name.split(': ');
  await page.getByRole('combobox', { name: 'Search models' }).fill(`${maker} ${short}`);
  await page.getByRole('option', { name: new RegExp(`^${short} `) }).click();
  await expect(page.getByRole('button', { name: `Model: ${name}` })).toBeVisible();
}

export async function send(page: Page, text: string): Promise<void> {
  await composer(page).fill(text);
  await sendButton(page).click();
}

/** Sends and waits until the answer is whole. */
export async function ask(page: Page, text: string): Promise<void> {
  const before = await answers(page).count();
  await send(page, text);
  await expect(answers(page)).toHaveCount(before + 1);
  await expect(sendButton(page)).toBeVisible();
  await expect(answers(page).nth(before)).toHaveAttribute('aria-busy', 'false');
}

/** What only an operator can do: the database as its owner. */
export async function asOperator<T>(act: (sql: postgres.Sql) => Promise<T>): Promise<T> {
  const sql = postgres(process.env['E2E_DATABASE_URL']!, { max: 1, onnotice: () => {} });
  try {
    return await act(sql);
  } finally {
    await sql.end();
  }
}

export function accountOf(sql: postgres.Sql, person: Person) {
  return sql`
    select accounts.id from private.accounts
    join auth.users on users.id = accounts.personal_user_id
    where users.email = ${person.email}`;
}

/** The text of an answer, as it is read. */
export const textOf = (answer: Locator) => answer.locator('.markdown');

/** How an answer begins, as far as it has come, once there is any. */
export async function someText(page: Page): Promise<string> {
  const paragraph = textOf(answers(page).last()).locator('p').first();
  await expect(paragraph).toHaveText(/\S+ \S+/);
  return paragraph.innerText();
}
