import { defineConfig, devices } from '@playwright/test';
import { chromium } from './e2e/chromium.ts';

export default defineConfig({
  testDir: 'e2e',
  outputDir: '../test-results/e2e',
  globalSetup: './e2e/global-setup.ts',
  fullyParallel: true,
  forbidOnly: Boolean(process.env['CI']),
  workers: 2,
  // What fails beside everything else on a slow machine and passes alone does not hold up a release;
  // `npm test` shows it in full all the same, for each of them has been a bug so far.
  retries: process.env['CI'] ? 1 : 0,
  // Generous, for a busy machine: a wait ends when what is waited for is there.
  timeout: 90_000,
  expect: { timeout: 15_000 },
  reporter: [['dot']],
  use: {
    launchOptions: chromium(),
    // Without the film and the pictures of the page before and after each step: they cost a fifth of
    // the run. What a page looked like as it failed is in the screenshot and the error's own text.
    trace: { mode: 'retain-on-failure', screenshots: false, snapshots: false, sources: false },
    screenshot: 'only-on-failure',
  },
  projects: [
    { name: 'desktop', use: { ...devices['Desktop Chrome'] } },
    {
      name: 'phone',
      // What differs on a phone: the layout and what can be reached in it.
      testMatch: /(accessibility|chat|chat-list|chat-states|shell|sign-up)\.spec\.ts/,
      use: { ...devices['Desktop Chrome'], viewport: { width: 360, height: 740 }, hasTouch: true },
    },
  ],
});
