import type { Page } from '@playwright/test';
import { mailsTo, nextMail } from './mail.ts';
import { expect, test } from './test.ts';

async function fillIn(page: Page, email: string, password: string) {
  await page.goto('/signup');
  await page.getByLabel('Name').fill('Asha Rao');
  await page.getByLabel('Email').fill(email);
  await page.getByLabel('Password', { exact: true }).fill(password);
  await page.getByRole('button', { name: 'Create account' }).click();
}

test('a stranger comes from the landing page into the app', async ({ page, stranger }) => {
  await page.goto('/');
  await page.getByRole('link', { name: 'Create your account' }).click();
  await page.getByLabel('Name').fill(stranger.name);
  await page.getByLabel('Email').fill(stranger.email);
  await page.getByLabel('Password', { exact: true }).fill(stranger.password);
  await page.getByRole('button', { name: 'Create account' }).click();
  await expect(page).toHaveURL('/app/chat');
  await expect(page.getByRole('heading', { name: 'Hello, Asha' })).toBeVisible();
  await expect(page).toHaveTitle('New chat · OneAI');
});

test('nothing is sent while the form is not right, and each field says why', async ({ page }) => {
  await page.goto('/signup');
  await page.getByLabel('Email').fill('nobody');
  await page.getByLabel('Password', { exact: true }).fill('short');
  const asked: string[] = [];
  page.on('request', (request) => asked.push(request.url()));
  await page.getByRole('button', { name: 'Create account' }).click();
  await expect(page.getByText('That does not look like an email address.')).toBeVisible();
  await expect(page.getByText('Use at least 10 characters.')).toBeVisible();
  await expect(page.getByLabel('Email')).toBeFocused();
  expect(asked.filter((url) => url.includes('/auth/v1/'))).toEqual([]);
});

test('a password that Auth finds weak is refused with what to do', async ({ page, stranger }) => {
  // Past the browser's own check, as a script would go.
  await page.goto('/signup');
  await page.getByLabel('Password', { exact: true }).evaluate((field) => {
    field.removeAttribute('minlength');
  });
  await page.getByLabel('Email').fill(stranger.email);
  await page.getByLabel('Password', { exact: true }).fill('short');
  await page.getByRole('button', { name: 'Create account' }).click();
  await expect(page.getByRole('alert')).toContainText('That password is too easy to guess.');
  await expect(page).toHaveURL('/signup');
});

test('a taken address is told nothing but to look in the mail', async ({ page, person }) => {
  await fillIn(page, person.email, 'another password entirely');
  await expect(page).toHaveURL('/verify');
  await expect(page.getByText(`If ${person.email} can be used here`)).toBeVisible();
  await expect(page.locator('body')).not.toContainText(/already|exists|taken|registered/i);

  const { code } = await nextMail(person.email);
  await page.getByLabel('Code').fill(code);
  await page.getByRole('button', { name: 'Continue' }).click();
  await expect(page.getByRole('heading', { name: 'Hello, Asha' })).toBeVisible();
});

test('a name of 10 kB never becomes an account', async ({ page, stranger }) => {
  await page.goto('/signup');
  const name = page.getByLabel('Name');
  await name.evaluate((field) => field.removeAttribute('maxlength'));
  await name.fill('x'.repeat(10_240));
  await page.getByLabel('Email').fill(stranger.email);
  await page.getByLabel('Password', { exact: true }).fill(stranger.password);
  await page.getByRole('button', { name: 'Create account' }).click();
  await expect(page.getByRole('alert')).toBeVisible();
  await expect(page).toHaveURL('/signup');
  expect(await mailsTo(stranger.email)).toEqual([]);
});
