import { act, ask, createKey, outcome, readSecret } from './api-client.ts';
import { accountOf, asOperator } from './chat.ts';
import { admit, expect, openAs, test } from './test.ts';

test('a first key: shown once, with a call that works as it is pasted', async ({
  page,
  person,
  context,
}) => {
  await context.grantPermissions(['clipboard-read', 'clipboard-write']);
  await openAs(page, person, '/app/api/keys');
  await expect(page.getByRole('heading', { name: 'No keys yet' })).toBeVisible();
  await page.getByRole('button', { name: 'Create a key' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByRole('button', { name: 'Create key' }).click();
  await expect(dialog.getByText('Give it a name.')).toBeVisible();
  await expect(dialog.getByLabel('Name')).toBeFocused();
  await page.keyboard.type('First');
  await page.keyboard.press('Enter');
  await expect(dialog.getByText('This is the only time it is shown')).toBeVisible();
  const secret = await readSecret(page, 'First');
  await dialog.getByRole('button', { name: 'Copy the key' }).click();
  await expect.poll(() => page.evaluate(() => navigator.clipboard.readText())).toBe(secret);
  await expect(dialog.getByRole('group', { name: 'Code, bash' })).toContainText(secret);

  expect(await outcome(ask(secret))).toEqual({ status: 200, code: null });
  await page.keyboard.press('Escape');
  await expect(dialog).toHaveCount(0);
  await page.reload();
  await expect(page.getByRole('article', { name: 'First' })).toContainText('1 request,');
  await expect(page.locator('body')).not.toContainText(secret);
});

test('what a key may do is changed, and a budget that is used up refuses', async ({
  page,
  person,
}) => {
  await admit(page, person);
  const secret = await createKey(page, 'Narrow');
  await act(page, 'Narrow', 'Edit');
  const dialog = page.getByRole('dialog');
  await dialog.getByRole('button', { name: 'Remove *' }).click();
  await dialog.getByLabel('Models it may call').fill('OpenAI/gpt-4o*');
  await page.keyboard.press('Enter');
  await expect(dialog.getByText('openai/gpt-4o*')).toBeVisible();
  await dialog.getByLabel('Embeddings').uncheck();
  await dialog
    .getByRole('group', { name: /^Credits at most/ })
    .getByLabel('A day')
    .fill('lots');
  await dialog.getByRole('button', { name: 'Save' }).click();
  await expect(dialog.getByText('Write a number, such as 250 or 2.5.')).toBeVisible();
  await dialog
    .getByRole('group', { name: /^Credits at most/ })
    .getByLabel('A day')
    .fill('0');
  await dialog.getByRole('button', { name: 'Save' }).click();
  await expect(dialog).toHaveCount(0);

  const card = page.getByRole('article', { name: 'Narrow' });
  await expect(card).toContainText('openai/gpt-4o*');
  await expect(card).toContainText('Answers, Reading');
  await expect(card).toContainText('0 of 0');
  expect(await outcome(ask(secret, 'anthropic/claude-3.5-haiku'))).toMatchObject({
    code: 'model_not_allowed',
  });
  expect(await outcome(ask(secret))).toMatchObject({ code: 'budget_exceeded' });

  await act(page, 'Narrow', 'Edit');
  await dialog
    .getByRole('group', { name: /^Credits at most/ })
    .getByLabel('A day')
    .fill('');
  await dialog
    .getByRole('group', { name: /^Requests at most/ })
    .getByLabel('A minute')
    .fill('0');
  await dialog.getByRole('button', { name: 'Save' }).click();
  // The database refuses it, in its own words, and nothing that was typed is lost.
  await expect(dialog.getByRole('alert')).toContainText('Requests per minute must be above zero.');
  await dialog
    .getByRole('group', { name: /^Requests at most/ })
    .getByLabel('A minute')
    .fill('1');
  await dialog.getByRole('button', { name: 'Save' }).click();
  await expect(dialog).toHaveCount(0);
  expect(await outcome(ask(secret))).toEqual({ status: 200, code: null });
  expect(await outcome(ask(secret))).toMatchObject({ status: 429 });
});

test('a rotated key works for its overlap and no longer; a revoked one not at all', async ({
  page,
  person,
}) => {
  await admit(page, person);
  const old = await createKey(page, 'Turning');
  await act(page, 'Turning', 'Rotate');
  await page.getByLabel(/^How long/).selectOption('For an hour');
  await page.getByRole('button', { name: 'Rotate', exact: true }).click();
  const fresh = await readSecret(page, 'Turning');
  expect(fresh).not.toBe(old);
  expect((await outcome(ask(old))).status).toBe(200);
  expect((await outcome(ask(fresh))).status).toBe(200);
  await page.getByRole('button', { name: 'Done' }).click();
  await asOperator(
    (sql) => sql`
      update private.api_keys set previous_until = now()
      where account_id in (${accountOf(sql, person)})`,
  );
  expect((await outcome(ask(old))).status).toBe(401);
  expect((await outcome(ask(fresh))).status).toBe(200);

  await act(page, 'Turning', 'Revoke');
  await page.getByRole('button', { name: 'Keep it' }).click();
  expect((await outcome(ask(fresh))).status).toBe(200);
  await act(page, 'Turning', 'Revoke');
  await page.getByRole('button', { name: 'Revoke the key' }).click();
  await expect(page.getByRole('dialog')).toHaveCount(0);
  expect(await outcome(ask(fresh))).toEqual({ status: 401, code: 'invalid_api_key' });
  await page.getByLabel('Show 1 revoked').check();
  const card = page.getByRole('article', { name: 'Turning' });
  await expect(card).toContainText('Revoked');
  await card.getByRole('button').click();
  await expect(page.getByRole('menuitem')).toHaveText(['See its usage']);
});
