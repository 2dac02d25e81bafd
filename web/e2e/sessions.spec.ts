import { createPerson, expect, signIn, test, trySignIn, watch } from './test.ts';

test('signing out everywhere reaches a browser elsewhere, with a word about it', async ({
  page,
  person,
  browser,
  baseURL,
  pageProblems,
}) => {
  const elsewhere = await browser.newContext(baseURL ? { baseURL } : {});
  elsewhere.on('page', (opened) => watch(opened, pageProblems));
  const other = await elsewhere.newPage();
  await signIn(other, person, '/signin?next=/app/settings/account');
  await expect(other.getByRole('heading', { name: 'This account' })).toBeVisible();

  await signIn(page, person, '/signin?next=/app/settings/security');
  await page.getByRole('button', { name: 'Sign out everywhere' }).click();
  const dialog = page.getByRole('dialog', { name: 'Sign out everywhere?' });
  await dialog.getByRole('button', { name: 'Sign out everywhere' }).click();
  await expect(page).toHaveURL('/signin');

  await other.reload();
  await expect(other).toHaveURL('/signin?ended&next=%2Fapp%2Fsettings%2Faccount');
  await expect(other.getByText('Your session has ended')).toBeVisible();
  await elsewhere.close();
});

test('the question before it can be answered with no', async ({ page, person }) => {
  await signIn(page, person, '/signin?next=/app/settings/security');
  await page.getByRole('button', { name: 'Sign out everywhere' }).click();
  await page.keyboard.press('Escape');
  await expect(page.getByRole('dialog')).toHaveCount(0);
  await expect(page.getByRole('button', { name: 'Sign out everywhere' })).toBeFocused();
  await page.reload();
  await expect(page.getByRole('heading', { name: 'Password' })).toBeVisible();
});

test('signing out in one tab closes the other', async ({ page, person, context }) => {
  await signIn(page, person);
  await expect(page).toHaveURL('/app/chat');
  const second = await context.newPage();
  await second.goto('/app/settings/security');
  await second.getByRole('button', { name: 'Sign out here' }).click();
  await expect(second).toHaveURL('/signin');
  await expect(page).toHaveURL('/signin?ended&next=%2Fapp%2Fchat');
});

test('a tab does not go on for one person when another has signed in', async ({
  page,
  person,
  context,
}) => {
  const second = await context.newPage();
  await second.goto('/signin');
  await expect(second.getByLabel('Email')).toBeVisible();
  await signIn(page, person, '/signin?next=/app/settings/profile');
  await expect(page.getByText(person.email).first()).toBeVisible();
  const other = await createPerson();
  await second.getByLabel('Email').fill(other.email);
  await second.getByLabel('Password', { exact: true }).fill(other.password);
  await second.getByRole('button', { name: 'Sign in', exact: true }).click();
  await expect(second).toHaveURL('/app/chat');
  await expect(page).toHaveURL('/app/chat');
  await page.goto('/app/settings/profile');
  await expect(page.getByText(other.email).first()).toBeVisible();
});

test('an expired session that cannot be renewed ends in a clear word', async ({ page, person }) => {
  await signIn(page, person);
  await expect(page.getByRole('heading', { name: 'Hello, Asha' })).toBeVisible();
  await page.evaluate(() => {
    const key = Object.keys(localStorage).find((name) => name.endsWith('-auth-token'))!;
    const session = JSON.parse(localStorage.getItem(key)!);
    session.expires_at = 1;
    session.refresh_token = 'spent';
    localStorage.setItem(key, JSON.stringify(session));
  });
  await page.reload();
  await expect(page).toHaveURL('/signin?ended&next=%2Fapp%2Fchat');
  await expect(page.getByText('Your session has ended')).toBeVisible();
});

test('a password that is changed while others stay signed in says just that, and ends them later', async ({
  page,
  person,
  browser,
  baseURL,
}) => {
  await using elsewhere = await browser.newContext(baseURL ? { baseURL } : {});
  const other = await elsewhere.newPage();
  await signIn(other, person);

  await signIn(page, person, '/signin?next=/app/settings/security');
  await page.route('**/auth/v1/logout*', (route) => route.abort());
  await page.getByLabel('New password').fill('a brand new passphrase');
  await page.getByRole('button', { name: 'Change password' }).click();
  const told = page.getByRole('alert');
  await expect(told).toContainText('Your password is changed, but your other devices are still');
  await expect(told).toContainText('OneAI could not be reached.');
  await expect(page.getByLabel('New password')).toHaveValue('');
  const again = page.getByRole('button', { name: 'Sign them out' });
  await again.click();
  await expect(told).toBeVisible();
  await other.reload();
  await expect(other.getByRole('heading', { name: 'Hello, Asha' })).toBeVisible();

  await page.unroute('**/auth/v1/logout*');
  await again.click();
  await expect(page.getByText('Every other device is signed out.')).toBeVisible();
  await expect(told).toHaveCount(0);
  await other.reload();
  await expect(other).toHaveURL('/signin?ended&next=%2Fapp%2Fchat');
  await trySignIn(other, { ...person, password: 'a brand new passphrase' });
  await expect(other.getByRole('heading', { name: 'Hello, Asha' })).toBeVisible();
});

test('a changed password signs out elsewhere, not here', async ({
  page,
  person,
  browser,
  baseURL,
}) => {
  const elsewhere = await browser.newContext(baseURL ? { baseURL } : {});
  const other = await elsewhere.newPage();
  await signIn(other, person);
  await expect(other).toHaveURL('/app/chat');

  await signIn(page, person, '/signin?next=/app/settings/security');
  await page.getByLabel('New password').fill('a brand new passphrase');
  await page.getByRole('button', { name: 'Change password' }).click();
  await expect(page.getByText('Password changed.')).toBeVisible();
  await page.reload();
  await expect(page.getByRole('heading', { name: 'Password' })).toBeVisible();

  await other.reload();
  await expect(other).toHaveURL('/signin?ended&next=%2Fapp%2Fchat');
  await elsewhere.close();
});
