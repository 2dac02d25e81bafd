import AxeBuilder from '@axe-core/playwright';
import type { Page } from '@playwright/test';
import { answers, ask, chooseModel, composer, list, openChat, send, someText } from './chat.ts';
import { admit, expect, test } from './test.ts';

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
  '/app/settings/models',
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
      await admit(page, person);
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

    test('what a chat goes through is accessible, and what is found of it', async ({
      page,
      person,
    }) => {
      await openChat(page, person);
      await chooseModel(page, 'Sandbox: Slow');
      await send(page, 'Take your time');
      await someText(page);
      expect(await findings(page), 'while an answer comes').toEqual([]);
      await page.keyboard.press('Escape');
      await expect(answers(page)).toContainText('Stopped.');
      await page.getByRole('button', { name: 'Edit your message' }).click();
      expect(await findings(page), 'an edit').toEqual([]);
      await page.keyboard.press('Escape');
      await composer(page).fill('And what would this cost?');
      await page
        .getByRole('group', { name: 'Your message' })
        .getByRole('button', { name: / – / })
        .click();
      await expect(page.getByText(/^Likely/)).toBeVisible();
      expect(await findings(page, '[role=dialog]:popover-open'), 'the cost').toEqual([]);
      await page.keyboard.press('Escape');
      await composer(page).fill('');
      await page.getByRole('button', { name: 'More about this conversation' }).click();
      await page.getByRole('menuitem', { name: 'Share by link' }).click();
      await page.getByRole('button', { name: 'Create and copy' }).click();
      const shared = await page.getByRole('link', { name: 'Open the link' }).getAttribute('href');
      expect(await findings(page, 'dialog'), 'the links').toEqual([]);
      await page.keyboard.press('Escape');

      await page.goto('/app/chat?temporary');
      await expect(page.getByRole('heading', { name: 'Temporary chat' })).toBeVisible();
      expect(await findings(page), 'a temporary chat').toEqual([]);
      for (const [command, name] of [
        ['import', 'Import conversations'],
        ['keyboard', 'Keyboard'],
      ] as const) {
        await page.keyboard.press('Control+k');
        await page.getByRole('combobox', { name: /^Find/ }).fill(command);
        await page.keyboard.press('Enter');
        await expect(page.getByRole('dialog', { name })).toBeVisible();
        expect(await findings(page, 'dialog[open]'), name).toEqual([]);
        await page.keyboard.press('Escape');
        await expect(page.getByRole('dialog', { name })).toBeHidden();
      }

      const menu = page.getByRole('button', { name: 'Open the menu' });
      if (await menu.isVisible()) await menu.click();
      await list(page).getByLabel('Search conversations').fill('time');
      await list(page).getByRole('button', { name: 'Filters' }).click();
      await list(page).getByRole('combobox', { name: 'Date' }).selectOption('Between two days…');
      await expect(list(page).locator('mark').first()).toBeVisible();
      expect(await findings(page), 'a search').toEqual([]);

      await page.goto(shared!);
      await expect(page.getByRole('article', { name: 'Answer' })).toBeVisible();
      expect(await findings(page), 'what is shared').toEqual([]);
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
    let title = '';
    await expect.poll(async () => titles.has((title = await page.title())), path).toBe(false);
    titles.add(title);
  };
  const pages = outside.filter((path) => path !== '/auth/callback');
  for (const path of pages) await see(path);
  await admit(page, person);
  for (const path of inside) await see(path);
  expect(titles.size).toBe(pages.length + inside.length);
  expect([...titles].filter((title) => !title.includes('OneAI'))).toEqual([]);
});
