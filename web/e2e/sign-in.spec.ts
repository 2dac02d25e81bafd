import { mailsTo, nextMail } from './mail.ts';
import { expect, signIn, site, test, trySignIn } from './test.ts';

test('in with a password, out again, and the app is closed', async ({ page, person }) => {
  await signIn(page, person);
  await expect(page).toHaveURL('/app/chat');
  await page
    .getByRole('button', { name: `You: ${person.name}` })
    .filter({ visible: true })
    .click();
  await page.getByRole('menuitem', { name: 'Sign out' }).click();
  await expect(page).toHaveURL('/signin');
  await page.goto('/app');
  await expect(page).toHaveURL('/signin?next=%2Fapp');
});

test('a wrong password and an unknown address read the same', async ({
  page,
  person,
  stranger,
}) => {
  const texts: string[] = [];
  for (const email of [person.email, stranger.email]) {
    await trySignIn(page, { ...person, email, password: 'not the password' });
    await expect(page.getByRole('alert')).toBeVisible();
    texts.push(await page.getByRole('alert').innerText());
  }
  expect(texts[0]).toContain('do not match');
  expect(texts[1]).toBe(texts[0]);
});

test('by the code in the mail', async ({ page, person }) => {
  await page.goto('/signin');
  await page.getByRole('button', { name: 'Send me a code instead' }).click();
  await page.getByLabel('Email').fill(person.email);
  await page.getByRole('button', { name: 'Send me a code' }).click();
  await expect(page).toHaveURL('/verify');
  const mail = await nextMail(person.email);

  await page.getByLabel('Code').fill(mail.code === '000000' ? '111111' : '000000');
  await page.getByRole('button', { name: 'Continue' }).click();
  await expect(page.getByRole('alert')).toContainText('wrong, used or expired');

  await page.getByLabel('Code').fill(` ${mail.code.slice(0, 3)} ${mail.code.slice(3)} `);
  await page.getByRole('button', { name: 'Continue' }).click();
  await expect(page).toHaveURL('/app/chat');
});

test('by the link in the mail, which works once', async ({ page, person }) => {
  await page.goto('/signin?next=/app/settings/security');
  await page.getByRole('button', { name: 'Send me a code instead' }).click();
  await page.getByLabel('Email').fill(person.email);
  await page.getByRole('button', { name: 'Send me a code' }).click();
  await expect(page).toHaveURL('/verify');
  const { link } = await nextMail(person.email);
  await page.goto(link);
  await expect(page).toHaveURL('/app/settings/security');
  await expect(page.getByRole('heading', { name: 'Password' })).toBeVisible();

  await page.evaluate(() => localStorage.clear());
  await page.goto(link);
  await expect(page.getByRole('alert')).toContainText('wrong, used or expired');
});

test('a link opened in another browser says what to do', async ({ page, person, browser }) => {
  await page.goto('/signin');
  await page.getByRole('button', { name: 'Send me a code instead' }).click();
  await page.getByLabel('Email').fill(person.email);
  await page.getByRole('button', { name: 'Send me a code' }).click();
  const first = await nextMail(person.email);
  const elsewhere = await browser.newContext();
  const other = await elsewhere.newPage();
  await other.goto(first.link);
  await expect(other.getByRole('alert')).toContainText('asked for in another browser');
  // The link has spent the code of its own mail, and Auth sends one mail a second at most.
  await expect(async () => {
    const answered = page.waitForResponse('**/auth/v1/otp*');
    await page.getByRole('button', { name: 'have a new code sent' }).click();
    expect((await answered).ok()).toBe(true);
  }).toPass();
  const { code } = await nextMail(person.email, [first]);
  await other.getByRole('link', { name: 'Enter the code of a newer mail' }).click();
  await other.getByLabel('Email').fill(person.email);
  await other.getByLabel('Code').fill(code);
  await other.getByRole('button', { name: 'Continue' }).click();
  await expect(other).toHaveURL('/app/chat');
  await elsewhere.close();
});

test('the page for the code goes on when the link signs in in another tab', async ({
  page,
  person,
  context,
}) => {
  await page.goto('/signin?next=/app/settings/security');
  await page.getByRole('button', { name: 'Send me a code instead' }).click();
  await page.getByLabel('Email').fill(person.email);
  await page.getByRole('button', { name: 'Send me a code' }).click();
  await expect(page).toHaveURL('/verify');
  const tab = await context.newPage();
  await tab.goto((await nextMail(person.email)).link);
  await expect(tab).toHaveURL('/app/settings/security');
  await expect(page).toHaveURL('/app/settings/security');
});

test('an unknown address is answered like a known one, and gets no mail', async ({
  page,
  stranger,
}) => {
  await page.goto('/signin');
  await page.getByRole('button', { name: 'Send me a code instead' }).click();
  await page.getByLabel('Email').fill(stranger.email);
  await page.getByRole('button', { name: 'Send me a code' }).click();
  await expect(page.getByText(`If ${stranger.email} can be used here`)).toBeVisible();
  expect(await mailsTo(stranger.email)).toEqual([]);
});

test('whoever is signed in already goes straight in', async ({ page, person }) => {
  await signIn(page, person);
  await page.goto('/signin?next=/app/settings/account');
  await expect(page).toHaveURL('/app/settings/account');
  await page.goto('/signup?next=//example.org');
  await expect(page).toHaveURL(`${site()}/app/chat`);
});

test('a page that was asked for is where one lands', async ({ page, person }) => {
  await page.goto('/app/settings/security?from=mail');
  await expect(page).toHaveURL('/signin?next=%2Fapp%2Fsettings%2Fsecurity%3Ffrom%3Dmail');
  await page.getByLabel('Email').fill(person.email);
  await page.getByLabel('Password', { exact: true }).fill(person.password);
  await page.getByRole('button', { name: 'Sign in', exact: true }).click();
  await expect(page).toHaveURL('/app/settings/security?from=mail');
});

for (const foreign of ['https://example.org/', '//example.org', '/\\example.org']) {
  test(`after signing in nobody is sent to ${foreign}`, async ({ page, person }) => {
    await signIn(page, person, `/signin?next=${encodeURIComponent(foreign)}`);
    await expect(page).toHaveURL(`${site()}/app/chat`);
  });
}

test('a provider is offered only where it is configured', async ({ page }) => {
  await page.goto('/signin');
  await expect(page.getByRole('button', { name: 'Continue with GitHub' })).toBeVisible();
  await expect(page.getByRole('button', { name: /Google/ })).toHaveCount(0);
});

test('the password can be sent by keyboard alone', async ({ page, person }) => {
  await page.goto('/signin');
  await page.getByLabel('Email').focus();
  await page.keyboard.type(person.email);
  await page.keyboard.press('Tab');
  await expect(page.getByRole('link', { name: 'Forgot it?' })).toBeFocused();
  await page.keyboard.press('Tab');
  await page.keyboard.type(person.password);
  await page.keyboard.press('Enter');
  await expect(page.getByRole('heading', { name: 'Hello, Asha' })).toBeVisible();
});
