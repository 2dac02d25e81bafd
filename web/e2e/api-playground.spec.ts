import { asOperator } from './chat.ts';
import { expect, openAs, test } from './test.ts';

test('a call with a key made in a click: answer, headers, cost, code', async ({ page, person }) => {
  await openAs(page, person, '/app/api/playground');
  const send = page.getByRole('button', { name: 'Send' });
  await expect(send).toBeDisabled();
  await page.getByLabel('Key', { exact: true }).fill('sk-oneai-nonsense');
  await page.getByRole('button', { name: 'Use this key' }).click();
  await expect(page.getByRole('region', { name: 'Which key' })).toContainText(/key/i);
  await page.getByRole('button', { name: 'Create one for a day' }).click();
  await expect(page.getByText('Kept in this page alone.')).toBeVisible();

  await page.getByLabel('Model').fill('openai/gpt-4o-mini');
  await page.getByLabel('Message 1', { exact: true }).fill('It\'s a "test"\nof two lines');
  await page.getByLabel('Max tokens').fill('30');
  await send.click();
  const answer = page.getByRole('region', { name: 'Answer' });
  await expect(answer).toContainText('200');
  await expect(answer).toContainText('Finish reason');
  await expect(answer).toContainText('x-request-id');
  await expect(answer).toContainText('x-oneai-hold-credits');
  await expect(answer).toContainText(/Cost.*credits, reported/);
  expect((await page.getByTestId('answer').textContent())?.length).toBeGreaterThan(5);

  await page.getByLabel('Stream').uncheck();
  await page.keyboard.press('Control+Enter');
  await expect(answer.getByText('As it came')).toBeVisible();
  await answer.getByText('As it came').click();
  await expect(answer.getByLabel('As it came')).toContainText('"object": "chat.completion"');

  await page.getByLabel('Temperature').fill('9');
  await send.click();
  await expect(answer.getByRole('alert')).toContainText('temperature');
  await expect(answer).toContainText('400');

  for (const [tab, text] of [
    ['TypeScript', 'client.chat.completions.create'],
    ['Python', 'chat.completions.create'],
    ['curl', '$ONEAI_API_KEY'],
  ] as const) {
    await page.getByRole('tab', { name: tab }).click();
    await expect(page.getByRole('tabpanel')).toContainText(text);
    await expect(page.getByRole('tabpanel')).not.toContainText(/sk-oneai-[0-9a-f]/);
  }

  // A key is nowhere but in the page.
  expect(
    await page.evaluate(() => JSON.stringify({ ...localStorage, ...sessionStorage })),
  ).not.toContain('sk-oneai-');
  await page.reload();
  await expect(page.getByLabel('Key', { exact: true })).toHaveValue('');
});

test('a key is forgotten by whoever acts for another account', async ({ page, person }) => {
  await asOperator(async (sql) => {
    const [team] = await sql`
      insert into private.accounts (kind, name) values ('team', 'Payers') returning id`;
    await sql`
      insert into private.members (account_id, user_id, role)
      select ${team!['id']}, users.id, 'owner' from auth.users where email = ${person.email}`;
  });
  await openAs(page, person, '/app/api/playground');
  await page.getByRole('button', { name: 'Create one for a day' }).click();
  await expect(page.getByText('Kept in this page alone.')).toBeVisible();
  await page.getByRole('button', { name: /^Account:/ }).click();
  await page.getByRole('menuitemradio', { name: /Payers/ }).click();
  await expect(page.getByLabel('Key', { exact: true })).toHaveValue('');
  await expect(page.getByRole('button', { name: 'Send' })).toBeDisabled();
});
