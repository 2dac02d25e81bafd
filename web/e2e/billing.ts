import type { FrameLocator, Page } from '@playwright/test';
import { accountOf, asOperator } from './chat.ts';
import { expect, type Member, openAs, type Person } from './test.ts';

export const notice = (page: Page, text: string) =>
  page.getByRole('main').locator('[role=status], [role=alert]').filter({ hasText: text });
export const balance = (page: Page) => page.getByTestId('available');
export const bank = (page: Page): FrameLocator => page.frameLocator('iframe[title=Payment]');

export async function openBilling(page: Page, person: Member, path = ''): Promise<void> {
  await openAs(page, person, `/app/billing${path}`);
  await expect(page.getByRole('heading', { level: 1, name: 'Billing' })).toBeVisible();
}

export async function pay(page: Page, method = 'Card'): Promise<void> {
  await bank(page).getByRole('radio', { name: method }).check();
  await bank(page).getByRole('button', { name: 'Pay', exact: true }).click();
}

export async function decline(page: Page, how = 'Let the bank decline it'): Promise<void> {
  await bank(page).getByRole('button', { name: how }).click();
  await expect(bank(page).getByRole('alert')).toHaveText(/declined/);
  await bank(page).getByRole('button', { name: 'Close' }).click();
}

export async function subscribe(page: Page, person: Member, plan: string): Promise<void> {
  await openBilling(page, person, '/plans');
  await page.getByRole('button', { name: `Subscribe to ${plan}` }).click();
  await pay(page);
  await expect(notice(page, 'Done')).toBeVisible();
}

/** What the sandbox Razorpay can be told beyond Razorpay's own API. */
export async function tellRazorpay(path: string, body: object = {}): Promise<void> {
  const response = await fetch(`${process.env['E2E_RAZORPAY_URL']}/sandbox/${path}`, {
    method: 'POST',
    body: JSON.stringify(body),
  });
  if (!response.ok) throw new Error(`The sandbox answered ${await response.text()}`);
}

/** Spends all that somebody has, but for what is asked to be left. */
export async function spendAll(person: Person): Promise<void> {
  await asOperator(async (sql) => {
    const [wallet] = await sql`
      select balance_micros::bigint / 1000000 as credits from private.wallets
      where account_id in (${accountOf(sql, person)})`;
    await sql`
      select admin.adjust_credits(
        account => ${person.email}, credits => ${-Number(wallet!['credits'])},
        reason => 'Spent', author => 'Test', reference => ${crypto.randomUUID()}
      )`;
  });
}
