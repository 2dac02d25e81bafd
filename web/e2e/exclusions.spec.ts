import type { Page } from '@playwright/test';
import { answers, ask, asOperator, composer, send } from './chat.ts';
import { expect, openAs, test } from './test.ts';

const excluded = (page: Page) => page.getByRole('list', { name: 'Excluded' });
const settings = '/app/settings/models';

async function exclude(page: Page, name: string) {
  const button = page
    .getByRole('list', { name: 'Providers' })
    .getByRole('button', { name: new RegExp(`^(Exclude|Take back) ${name}$`) });
  await button.click();
  await expect(button).toHaveText('Take back');
  await expect(button).not.toHaveAttribute('aria-busy');
}

test('a provider that is excluded is not chosen, until it is taken back', async ({
  page,
  person,
}) => {
  await openAs(page, person, settings);
  await expect(page.getByText('Nothing is excluded')).toBeVisible();
  await page.getByLabel('Find a model').fill('gpt-4o-mini');
  await exclude(page, 'GPT-4o-mini');
  await expect(excluded(page)).toContainText('openai/gpt-4o-mini');
  await page.getByLabel('Find a model').fill('openai');
  await exclude(page, 'o4 Mini');
  await page.getByRole('button', { name: 'Exclude all of OpenAI' }).click();
  await expect(excluded(page).getByRole('listitem')).toHaveText([/All of OpenAI/]);

  await page.goto('/app/chat');
  await ask(page, 'Good day');
  await expect(answers(page)).toContainText('Gemini 2.5 Flash');

  await page.goto(settings);
  await excluded(page).getByRole('button', { name: 'Take back All of OpenAI' }).focus();
  await page.keyboard.press('Enter');
  await expect(page.getByText('Nothing is excluded')).toBeVisible();
  await expect(page.getByLabel('Find a model')).toBeFocused();
  await page.goto('/app/chat');
  await ask(page, 'Good day');
  await expect(answers(page)).toContainText('GPT-4o-mini');
});

test('where nothing is left to choose, the chat says what was excluded', async ({
  page,
  person,
}) => {
  await openAs(page, person, settings);
  await expect(page.getByText('Nothing is excluded')).toBeVisible();
  await asOperator(
    (sql) => sql`
      update private.preferences set exclusions = '{*}'
      from auth.users where users.id = user_id and email = ${person.email}`,
  );
  await page.goto('/app/chat');
  await send(page, 'Good day');
  await expect(page.getByRole('region', { name: 'Messages' })).toContainText('You excluded *.');
  await expect(composer(page)).toBeEditable();
});

test('what could not be saved is not shown as if it were', async ({ page, person }) => {
  await openAs(page, person, settings);
  await page.route('**/rpc/change_exclusions', (route) => route.abort());
  await page.getByRole('button', { name: 'Exclude all of OpenAI' }).click();
  await expect(page.getByRole('status').getByText('OneAI could not be reached.')).toBeVisible();
  await expect(page.getByText('Nothing is excluded')).toBeVisible();
  await page.unroute('**/rpc/change_exclusions');
  await page.getByRole('button', { name: 'Exclude all of OpenAI' }).click();
  await expect(excluded(page)).toContainText('All of OpenAI');
});
