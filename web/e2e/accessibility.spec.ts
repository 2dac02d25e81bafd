import AxeBuilder from '@axe-core/playwright';
import type { Page } from '@playwright/test';
import { ask, chooseModel, openChat, send } from './chat.ts';
import { expect, signIn, test } from './test.ts';

const outside = [
  '/',
  '/pricing',
  '/signin',
  '/signup',
  '/verify',
  '/reset',
  '/reset/confirm',
  '/auth/callback',
];
const inside = [
  '/app/chat',
  '/app/billing',
  '/app/billing/plans',
  '/app/billing/top-up',
  '/app/billing/automatic',
  '/app/billing/invoices',
  '/app/billing/statement',
  '/app/settings/profile',
  '/app/settings/security',
  '/app/settings/account',
];

/** What axe finds on the page as it stands; `within` narrows it to what lies over the page. */
async function findings(page: Page, within?: string): Promise<string[]> {
  // Axe measures colours; halfway through a transition they are not the ones that stay.
  await page.evaluate(() =>
    Promise.all(document.getAnimations().map((animation) => animation.finished.catch(() => {}))),
  );
  const axe = new AxeBuilder({ page });
  if (within) axe.include(within);
  // Which headings an answer has is its model's choice.
  axe.exclude('.markdown [data-depth]');
  const { violations } = await axe.analyze();
  return violations.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.html).join(' | ')}`);
}

for (const colorScheme of ['light', 'dark'] as const) {
  test.describe(colorScheme, () => {
    test.use({ colorScheme, contextOptions: { reducedMotion: 'reduce' } });

    test('the pages outside are accessible', async ({ page }) => {
      for (const path of [...outside, '/no/such/page']) {
        await page.goto(path);
        await expect(page.getByRole('heading', { level: 1 })).toBeVisible();
        expect(await findings(page), path).toEqual([]);
      }
    });

    test('the pages of the app are accessible, and what opens over them', async ({
      page,
      person,
    }) => {
      await signIn(page, person);
      for (const path of inside) {
        await page.goto(path);
        await expect(page.getByRole('heading', { level: 1 })).toBeVisible();
        expect(await findings(page), path).toEqual([]);
      }
      await page.getByRole('button', { name: 'You: Asha Rao' }).filter({ visible: true }).click();
      await expect(page.getByRole('menuitem', { name: 'Sign out' })).toBeVisible();
      expect(await findings(page, '[role=menu]:popover-open'), 'the menu').toEqual([]);
      await page.keyboard.press('Escape');
      await page.goto('/app/settings/security');
      await page.getByRole('button', { name: 'Sign out everywhere' }).click();
      await expect(page.getByRole('dialog')).toBeVisible();
      expect(await findings(page, 'dialog'), 'the dialog').toEqual([]);
    });

    test('a conversation is accessible, and what opens over it', async ({ page, person }) => {
      await openChat(page, person);
      await page.getByRole('button', { name: /^Model:/ }).click();
      await expect(page.getByRole('option').first()).toBeVisible();
      expect(await findings(page, '[role=dialog]:popover-open'), 'the models').toEqual([]);
      await page.keyboard.press('Escape');
      await ask(page, 'Show me a table and some code');
      await chooseModel(page, 'Sandbox: Fails mid-stream');
      await send(page, 'Please fail');
      await expect(page.getByRole('button', { name: 'Try again' })).toBeVisible();
      expect(await findings(page), 'the conversation').toEqual([]);
      await page
        .getByRole('button', { name: /^Receipt/ })
        .first()
        .click();
      await expect(page.getByText('Charged', { exact: true })).toBeVisible();
      expect(await findings(page, '[role=dialog]:popover-open'), 'the receipt').toEqual([]);
      await page.keyboard.press('Escape');
      await page.keyboard.press('Control+k');
      await expect(page.getByRole('option').first()).toBeVisible();
      expect(await findings(page, 'dialog'), 'the palette').toEqual([]);
      await page.keyboard.press('Escape');
      for (const item of ['Share by link', 'Export', 'Move to a folder']) {
        await page.getByRole('button', { name: 'More about this conversation' }).click();
        await page.getByRole('menuitem', { name: item }).click();
        await expect(page.getByRole('dialog').getByRole('button', { name: 'Close' })).toBeVisible();
        expect(await findings(page, 'dialog'), item).toEqual([]);
        await page.keyboard.press('Escape');
      }
    });

    test('a form full of errors is accessible', async ({ page }) => {
      await page.goto('/signup');
      await page.getByRole('button', { name: 'Create account' }).click();
      await expect(page.getByText('Enter your email.')).toBeVisible();
      expect(await findings(page)).toEqual([]);
    });
  });
}

test('every page has its own title and one first heading', async ({ page, person }) => {
  const titles = new Set<string>();
  const see = async (path: string) => {
    await page.goto(path);
    await expect(page.getByRole('heading', { level: 1 })).toHaveCount(1);
    titles.add(await page.title());
  };
  const pages = outside.filter((path) => path !== '/auth/callback');
  for (const path of pages) await see(path);
  await signIn(page, person);
  await expect(page).toHaveURL('/app/chat');
  for (const path of inside) await see(path);
  expect(titles.size).toBe(pages.length + inside.length);
  expect([...titles].filter((title) => !title.includes('OneAI'))).toEqual([]);
});
