import { glob, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Page } from '@playwright/test';
import { admit, expect, openAs, test } from './test.ts';

/** The bars that a phone's browser draws around the page have its colour. */
const expectBarsLikePage = (page: Page) =>
  expect
    .poll(() =>
      page.evaluate(() => {
        const metas = [...document.querySelectorAll<HTMLMetaElement>('meta[name=theme-color]')];
        const inForce = metas.find(({ media }) => matchMedia(media).matches);
        const pixel = (colour: string) => {
          const context = new OffscreenCanvas(1, 1).getContext('2d')!;
          context.fillStyle = colour;
          context.fillRect(0, 0, 1, 1);
          return context.getImageData(0, 0, 1, 1).data.join();
        };
        const ground = getComputedStyle(document.documentElement).backgroundColor;
        return inForce && pixel(inForce.content) === pixel(ground);
      }),
    )
    .toBe(true);

test('a stored theme is there before any of our scripts', async ({ page, pageProblems }) => {
  await page.emulateMedia({ colorScheme: 'light' });
  await page.goto('/');
  const ground = () =>
    page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor);
  const light = await ground();
  await page.evaluate(() => localStorage.setItem('theme', 'dark'));
  // With every module refused, only the inline script of app.html is left to do it.
  await page.route('**/_app/**/*.js', (route) => route.abort());
  await page.reload();
  await expect(page.locator('html')).toHaveAttribute('data-theme', 'dark');
  await expect.poll(ground).not.toBe(light);
  await expectBarsLikePage(page);
  // The page rightly complains about the modules it did not get.
  pageProblems.length = 0;
});

test('the theme follows the system until one is chosen', async ({ page, person }) => {
  await page.emulateMedia({ colorScheme: 'light' });
  await openAs(page, person, '/app/settings/profile');
  await expect(page.getByRole('heading', { name: 'Settings' })).toBeVisible();
  const ground = () =>
    page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor);
  const light = await ground();
  await expectBarsLikePage(page);
  await page.emulateMedia({ colorScheme: 'dark' });
  await expect.poll(ground).not.toBe(light);
  await expectBarsLikePage(page);

  await page.getByRole('button', { name: 'You: Asha Rao' }).filter({ visible: true }).click();
  await page.getByRole('menuitemradio', { name: 'Light' }).click();
  await expect.poll(ground).toBe(light);
  await expectBarsLikePage(page);
  await page.reload();
  await expect(page.getByRole('heading', { name: 'Settings' })).toBeVisible();
  await expect.poll(ground).toBe(light);
});

test('an unknown address is a 404 page with a way on', async ({ page }) => {
  await page.goto('/no/such/page');
  await expect(page.getByRole('heading', { name: 'This page does not exist' })).toBeVisible();
  await expect(page).toHaveTitle('This page does not exist · OneAI');
  await expect(page.locator('meta[name=robots]')).toHaveAttribute('content', 'noindex');
  await page.getByRole('link', { name: 'To the start', exact: true }).click();
  await expect(page).toHaveURL('/');
});

test('the workshop page is not in the built site', async ({ page }) => {
  await page.goto('/design');
  await expect(page.getByRole('heading', { name: 'This page does not exist' })).toBeVisible();
  const directory = process.env['E2E_SITE_DIRECTORY']!;
  const scripts = await Array.fromAsync(glob('_app/**/*.js', { cwd: directory }));
  expect(scripts.length).toBeGreaterThan(10);
  for (const script of scripts) {
    expect(await readFile(join(directory, script), 'utf8')).not.toContain('The parts of OneAI');
  }
});

test('going offline is said, and coming back too', async ({ page, context }) => {
  await page.goto('/signin');
  await expect(page.getByRole('heading', { name: 'Sign in' })).toBeVisible();
  await context.setOffline(true);
  await expect(page.getByText('You are offline.')).toBeVisible();
  await page.getByLabel('Email').fill('asha@example.com');
  await page.getByLabel('Password', { exact: true }).fill('whatever it is');
  await page.getByRole('button', { name: 'Sign in', exact: true }).click();
  await expect(page.getByRole('alert')).toContainText('OneAI could not be reached.');
  await context.setOffline(false);
  await expect(page.getByText('You are offline.')).toHaveCount(0);
});

test('when the data cannot be had, the app says so and tries again', async ({ page, person }) => {
  await page.route('**/rest/v1/profile*', (route) => route.abort());
  await openAs(page, person);
  await expect(page.getByRole('alert')).toContainText('OneAI could not be reached.');
  await page.unroute('**/rest/v1/profile*');
  await page.getByRole('button', { name: 'Try again' }).click();
  await expect(page.getByRole('heading', { name: 'Hello, Asha' })).toBeVisible();
});

test('by keyboard alone: skip, menu, theme, sign out', async ({ page, person }) => {
  await openAs(page, person, '/app/settings/profile');
  await expect(page.getByRole('heading', { name: 'Settings' })).toBeVisible();
  await page.reload();
  await expect(page.getByRole('heading', { name: 'Settings' })).toBeVisible();

  await page.keyboard.press('Tab');
  await expect(page.getByRole('link', { name: 'Skip to content' })).toBeFocused();
  await page.keyboard.press('Enter');
  await expect(page.locator('#main')).toBeFocused();
  await page.keyboard.press('Tab');
  await expect(page.locator('#main :focus')).toHaveCount(1);

  await page.getByRole('button', { name: 'You: Asha Rao' }).filter({ visible: true }).focus();
  await page.keyboard.press('Enter');
  await expect(page.getByRole('menuitem', { name: 'Profile and settings' })).toBeFocused();
  await page.keyboard.press('Escape');
  await expect(page.getByRole('menu')).toHaveCount(0);
  await expect(
    page.getByRole('button', { name: 'You: Asha Rao' }).filter({ visible: true }),
  ).toBeFocused();
  await page.keyboard.press('Enter');
  await page.keyboard.press('End');
  await expect(page.getByRole('menuitem', { name: 'Sign out' })).toBeFocused();
  await page.keyboard.press('Enter');
  await expect(page).toHaveURL('/signin');
});

test('a page change is announced by its title', async ({ page, person }) => {
  await openAs(page, person, '/app/settings/profile');
  await page.getByRole('link', { name: 'Security' }).click();
  await expect(page.locator('#svelte-announcer')).toHaveText('Security · OneAI');
});

test('the demo is labelled as one', async ({ page, person }) => {
  await openAs(page, person);
  await expect(page.getByText(/^Demo/).filter({ visible: true }).first()).toBeVisible();
});

test('the sidebar narrows and stays so; on a phone it is a drawer', async ({ page, person }) => {
  await openAs(page, person);
  await expect(page.getByRole('heading', { name: 'Hello, Asha' })).toBeVisible();
  if ((page.viewportSize()?.width ?? 0) < 768) {
    await page.getByRole('button', { name: 'Open the menu' }).click();
    const drawer = page.getByRole('dialog', { name: 'Menu' });
    await drawer.getByRole('link', { name: 'Settings', exact: true }).click();
    await expect(page).toHaveURL('/app/settings/profile');
    await expect(drawer).toHaveCount(0);
    return;
  }
  await page.getByRole('button', { name: 'Narrow the sidebar' }).click();
  await expect(page.getByRole('button', { name: 'Widen the sidebar' })).toBeVisible();
  await page.reload();
  await expect(page.getByRole('button', { name: 'Widen the sidebar' })).toBeVisible();
  await expect(page.getByRole('link', { name: 'Settings', exact: true })).toBeVisible();
});

test('no page scrolls sideways', async ({ page, person }) => {
  const paths = ['/', '/signin', '/signup', '/verify', '/reset', '/no/such/page'];
  const inside = [
    '/app/chat',
    '/app/settings/profile',
    '/app/settings/models',
    '/app/settings/security',
    '/app/settings/account',
  ];
  const overflow = () =>
    page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
  for (const path of paths) {
    await page.goto(path);
    await expect(page.getByRole('heading', { level: 1 })).toBeVisible();
    expect(await overflow(), path).toBeLessThanOrEqual(0);
  }
  await admit(page, person);
  for (const path of inside) {
    await page.goto(path);
    await expect(page.getByRole('heading', { level: 1 })).toBeVisible();
    expect(await overflow(), path).toBeLessThanOrEqual(0);
  }
});

test('a page that cannot come without a connection says so, and comes with it', async ({
  page,
  context,
  person,
  pageProblems,
}) => {
  await openAs(page, person);
  await expect(page.getByRole('heading', { name: /^Hello/ })).toBeVisible();
  await page.waitForLoadState('networkidle');
  await context.setOffline(true);
  await page
    .locator('a[href="/app/billing"]')
    .first()
    .evaluate((link: HTMLElement) => link.click());
  await expect(page.getByRole('heading', { name: 'This page could not be loaded' })).toBeVisible();
  await context.setOffline(false);
  await expect(page.getByRole('heading', { level: 1, name: 'Billing' })).toBeVisible();
  // The page rightly complains about what did not come.
  pageProblems.length = 0;
});
