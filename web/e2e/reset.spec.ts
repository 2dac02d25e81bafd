import type { Page } from '@playwright/test';
import { mailsTo, nextMail } from './mail.ts';
import { expect, signIn, test, trySignIn } from './test.ts';

async function askForReset(page: Page, email: string) {
  await page.goto('/reset');
  await page.getByLabel('Email').fill(email);
  await page.getByRole('button', { name: 'Send me a code' }).click();
  await expect(page.getByText(`If ${email} can be used here`)).toBeVisible();
}

async function choose(page: Page, password: string) {
  await expect(page).toHaveURL('/reset/confirm');
  await page.getByLabel('New password').fill(password);
  await page.getByRole('button', { name: 'Set password' }).click();
  await expect(page).toHaveURL('/app/chat');
}

test('a new password by code; the old one is worth nothing then', async ({ page, person }) => {
  await askForReset(page, person.email);
  await page.getByLabel('Code').fill((await nextMail(person.email)).code);
  await page.getByRole('button', { name: 'Continue' }).click();
  await choose(page, 'a brand new passphrase');

  await page.evaluate(() => localStorage.clear());
  await trySignIn(page, person);
  await expect(page.getByRole('alert')).toContainText('do not match');
  await signIn(page, { ...person, password: 'a brand new passphrase' });
  await expect(page).toHaveURL('/app/chat');
});

test('a new password by the link', async ({ page, person }) => {
  await askForReset(page, person.email);
  await page.goto((await nextMail(person.email)).link);
  await choose(page, 'a brand new passphrase');
});

test('a new code can be had, and is the one that counts', async ({ page, person }) => {
  await askForReset(page, person.email);
  const first = await nextMail(person.email);
  // Auth sends one mail a second to an address at most: what it refuses is asked for again.
  await expect(async () => {
    const answered = page.waitForResponse('**/auth/v1/recover*');
    await page.getByRole('button', { name: 'have a new code sent' }).click();
    expect((await answered).ok()).toBe(true);
  }).toPass();
  await expect(page.getByText('A new code is on its way.')).toBeVisible();
  const second = await nextMail(person.email, [first]);
  await page.getByLabel('Code').fill(second.code);
  await page.getByRole('button', { name: 'Continue' }).click();
  await choose(page, 'a brand new passphrase');
});

test('an unknown address is answered the same and gets no mail', async ({ page, stranger }) => {
  await askForReset(page, stranger.email);
  expect(await mailsTo(stranger.email)).toEqual([]);
});

test('without a fresh link there is nothing to set', async ({ page }) => {
  await page.goto('/reset/confirm');
  await expect(page.getByText('This page needs a fresh link or code')).toBeVisible();
  await expect(page.getByLabel('New password')).toHaveCount(0);
  await page.getByRole('link', { name: 'Send me a new one' }).click();
  await expect(page).toHaveURL('/reset');
});

test('what was typed and wanted before the password was forgotten is not lost', async ({
  page,
  person,
}) => {
  await page.goto('/signin?next=/app/settings/security');
  await page.getByLabel('Email').fill(person.email);
  await page.getByRole('link', { name: 'Forgot it?' }).click();
  await expect(page.getByLabel('Email')).toHaveValue(person.email);
  await page.getByRole('button', { name: 'Send me a code' }).click();
  await page.getByLabel('Code').fill((await nextMail(person.email)).code);
  await page.getByRole('button', { name: 'Continue' }).click();
  await page.getByLabel('New password').fill('a brand new passphrase');
  await page.getByRole('button', { name: 'Set password' }).click();
  await expect(page).toHaveURL('/app/settings/security');
});
