import { nextMail } from './mail.ts';
import { createPerson, expect, openAs, test } from './test.ts';

const profile = '/app/settings/profile';

test('a new name is everywhere at once and survives a reload', async ({ page, person }) => {
  await openAs(page, person, profile);
  await page.getByLabel('Name').fill('  Asha Menon  ');
  await page.getByRole('button', { name: 'Save name' }).click();
  await expect(page.getByText('Your name is saved.')).toBeVisible();
  await expect(page.getByLabel('Name')).toHaveValue('Asha Menon');
  await expect(page.getByRole('button', { name: 'You: Asha Menon' }).first()).toBeAttached();
  await page.reload();
  await expect(page.getByLabel('Name')).toHaveValue('Asha Menon');
});

test('a name of 10 kB is refused by the database, in its words', async ({ page, person }) => {
  await openAs(page, person, profile);
  await page.getByLabel('Name').fill('x'.repeat(10_240));
  await page.getByRole('button', { name: 'Save name' }).click();
  await expect(page.getByRole('alert')).toContainText('Name is too long: 10240 of at most 80');
  await expect(page.getByRole('alert')).toContainText('Shorten the name.');
  await page.reload();
  await expect(page.getByLabel('Name')).toHaveValue(person.name);
});

test('a name that would be markup stays text', async ({ page, person }) => {
  await openAs(page, person, profile);
  const name = '<img src=x onerror=alert(1)>';
  await page.getByLabel('Name').fill(name);
  await page.getByRole('button', { name: 'Save name' }).click();
  await expect(page.getByText('Your name is saved.')).toBeVisible();
  await page.goto('/app/chat');
  await expect(page.getByRole('heading', { name: 'Hello, <img' })).toBeVisible();
});

test('language and theme are kept with the person, for the next browser too', async ({
  page,
  person,
  browser,
  baseURL,
}) => {
  await openAs(page, person, profile);
  await page.getByLabel('Dates and numbers').selectOption('Deutsch');
  await expect(page.getByText('1.234,5')).toBeVisible();
  const saved = page.waitForResponse('**/rpc/update_profile');
  await page.getByRole('combobox', { name: 'Theme' }).selectOption('Dark');
  await expect(page.locator('html')).toHaveAttribute('data-theme', 'dark');
  expect((await saved).ok()).toBe(true);

  const elsewhere = await browser.newContext(baseURL ? { baseURL } : {});
  const other = await elsewhere.newPage();
  await openAs(other, person, profile);
  await expect(other.getByRole('combobox', { name: 'Theme' })).toHaveValue('dark');
  await expect(other.locator('html')).toHaveAttribute('data-theme', 'dark');
  await expect(other.getByLabel('Dates and numbers')).toHaveValue('de');
  await elsewhere.close();
});

test('changing the email asks the mail for a yes', async ({ page, person, stranger }) => {
  await openAs(page, person, profile);
  await page.getByLabel('New email').fill(stranger.email);
  await page.getByRole('button', { name: 'Change email' }).click();
  await expect(page.getByText('Look in your mail')).toBeVisible();
  await expect(page.getByText(person.email, { exact: true }).last()).toBeVisible();
  await page.goto((await nextMail(person.email)).link);
  await expect(page).toHaveURL('/app/settings/profile');
  await expect(page.getByText(stranger.email, { exact: true }).last()).toBeVisible();
});

test('an email that is taken is answered like a free one', async ({ page, person }) => {
  const taken = await createPerson();
  await openAs(page, person, profile);
  await page.getByLabel('New email').fill(taken.email);
  await page.getByRole('button', { name: 'Change email' }).click();
  await expect(page.getByText(`If ${taken.email} can be used`)).toBeVisible();
  await expect(page.getByRole('alert')).toHaveCount(0);
});

test('the account page shows what one acts for', async ({ page, person }) => {
  await openAs(page, person, '/app/settings/account');
  await expect(page.getByText('Personal account').last()).toBeVisible();
  const table = page.getByRole('table', { name: 'Accounts you act for' });
  await expect(table.getByRole('row')).toHaveCount(2);
  await expect(table.getByRole('row').nth(1)).toContainText('Asha Rao');
  await expect(table.getByRole('row').nth(1)).toContainText('Owner');
});

test('a choice that was not saved is not shown as if it were', async ({ page, person }) => {
  await openAs(page, person, profile);
  const select = page.getByLabel('Dates and numbers');
  const before = await select.inputValue();
  await page.route('**/rpc/update_profile', (route) => route.abort());
  await select.selectOption('Deutsch');
  await expect(page.getByRole('alert')).toContainText('OneAI could not be reached.');
  await expect(select).toHaveValue(before);
});
