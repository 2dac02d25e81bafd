import { readFile, writeFile } from 'node:fs/promises';
import {
  balance,
  bank,
  decline,
  notice,
  openBilling,
  pay,
  spendAll,
  subscribe,
  tellRazorpay,
} from './billing.ts';
import {
  accountOf,
  answers,
  ask,
  asOperator,
  composer,
  openChat,
  questions,
  send,
} from './chat.ts';
import { expect, test } from './test.ts';

// One after the other: the clock that the last test moves is the same for everybody.
test.describe.configure({ mode: 'default' });
test.use({ locale: 'en-GB' });

test('a visitor sees prices in their currency, and what a message costs', async ({ page }) => {
  await page.goto('/pricing');
  await expect(page.getByRole('listitem', { name: 'Team' })).toContainText('£48');
  await page.getByText('Yearly').click();
  await expect(page.getByRole('listitem', { name: 'Team' })).toContainText('£480');
  await page.getByLabel('Currency').selectOption('INR');
  await expect(page.getByRole('listitem', { name: 'Starter' })).toContainText('₹549');
  // A stack that has just begun has no models in its first seconds.
  await expect(async () => {
    await page.reload();
    await page.getByRole('searchbox', { name: 'Model' }).fill('claude');
    const cell = page.getByRole('cell', { name: /about [\d,]+/ }).first();
    await expect(cell).toBeVisible({ timeout: 2_000 });
  }).toPass({ timeout: 45_000 });
  await expect(page.getByLabel('Currency')).toHaveValue('INR');
});

test('a bank that declines, a closed window, and a payment: credits without a reload', async ({
  page,
  person,
}) => {
  const asked: string[] = [];
  page.on('request', (request) => asked.push(request.url()));
  await openBilling(page, person, '/top-up');
  const buy = page.getByRole('button', { name: 'Buy Starter' });
  await expect(buy).toBeVisible();
  // Nothing of Razorpay's before the click that pays.
  expect(asked.filter((url) => url.startsWith(process.env['E2E_RAZORPAY_URL']!))).toEqual([]);

  await buy.click();
  await decline(page);
  await expect(notice(page, 'did not go through')).toContainText('Your payment was declined');
  await page.getByRole('button', { name: 'Try again' }).click();
  await bank(page).getByRole('button', { name: 'Close' }).click();
  await expect(notice(page, 'You closed the checkout')).toContainText('Nothing was charged');
  await page.getByRole('button', { name: 'Open the checkout again' }).click();
  await pay(page);
  await expect(notice(page, 'Done')).toBeVisible();
  await expect(page.getByText('You can spend 10,500 credits')).toBeVisible();

  // All three were one order: it cannot have been paid twice.
  const orders = await asOperator(
    (sql) => sql`select status from private.orders where account_id in (${accountOf(sql, person)})`,
  );
  expect(orders.map(({ status }) => status)).toEqual(['paid']);

  await page.getByRole('link', { name: 'Invoices' }).click();
  const saved = page.waitForEvent('download');
  await page.getByRole('button', { name: /Download invoice/ }).click();
  const file = await saved;
  expect(file.suggestedFilename()).toMatch(/^oneai-invoice-\d+\.html$/);
  expect(await readFile(await file.path(), 'utf8')).toContain('Starter package');
  await expect(page.getByRole('row', { name: /Failed.*declined/ })).toBeVisible();
  await expect(page.getByRole('row', { name: /£5 Paid/ })).toBeVisible();
});

test('a slow bank agrees later, and the page that waits shows it', async ({ page, person }) => {
  await openBilling(page, person, '/top-up');
  await page.getByRole('button', { name: 'Buy Starter' }).click();
  await decline(page, 'A slow bank: declined now, agreed later');
  await expect(notice(page, 'Should your bank agree after all')).toBeVisible();
  // The page knows it from the checkout; we have it from Razorpay, a moment later.
  let payment: string | undefined;
  await expect(async () => {
    const [row] = await asOperator(
      (sql) => sql`select id from private.payments where account_id in (${accountOf(sql, person)})`,
    );
    payment = row?.['id'];
    expect(payment).toBeDefined();
  }).toPass();
  await tellRazorpay(`payments/${payment}/settle`);
  await expect(notice(page, 'Done')).toBeVisible();
  await expect(page.getByText('You can spend 10,500 credits')).toBeVisible();
});

test('two tabs that buy the same at once pay once', async ({ page, context, person }) => {
  await openBilling(page, person, '/top-up');
  const other = await context.newPage();
  await other.goto('/app/billing/top-up');
  await page.getByRole('button', { name: 'Buy Starter' }).click();
  await expect(bank(page).getByRole('button', { name: 'Pay', exact: true })).toBeVisible();
  await other.getByRole('button', { name: 'Buy Starter' }).click();
  await pay(other);
  await expect(notice(other, 'Done')).toBeVisible();
  await bank(page).getByRole('button', { name: 'Pay', exact: true }).click();
  await expect(bank(page).getByRole('alert')).toHaveText(/already paid/);
  await bank(page).getByRole('button', { name: 'Close' }).click();
  await expect(notice(page, 'Done')).toBeVisible();
  await expect(page.getByText('You can spend 10,500 credits')).toBeVisible();
});

test('a price retired between page and click is told, and gone after', async ({ page, person }) => {
  await openBilling(page, person, '/top-up');
  await page.getByLabel('Currency').selectOption('KES');
  const buy = page.getByRole('button', { name: 'Buy Enterprise' });
  await expect(buy).toBeVisible();
  await asOperator(
    (sql) => sql`
      update private.prices set retired_at = now()
      where package_id = 'enterprise' and currency = 'KES' and retired_at is null`,
  );
  await buy.click();
  await expect(notice(page, 'This price has changed since the page was loaded')).toBeVisible();
  await page.getByRole('button', { name: 'Show what holds now' }).click();
  await expect(buy).toBeHidden();
});

test('codes: a wrong one, one with credits, and the same once more', async ({ page, person }) => {
  const code = `TEST-${crypto.randomUUID().slice(0, 8).toUpperCase()}`;
  await asOperator(
    (sql) => sql`
      insert into private.coupons (code, credits_micros, lasts)
      values (${code}, 250000000, interval '30 days')`,
  );
  await openBilling(page, person, '/top-up');
  const redeem = async (text: string) => {
    await page.getByRole('textbox', { name: 'Code' }).fill(text);
    await page.getByRole('button', { name: 'Redeem' }).click();
  };
  await redeem('NO-SUCH-CODE');
  await expect(page.getByRole('alert')).toBeVisible();
  await redeem(code.toLowerCase());
  await expect(notice(page, 'Code redeemed')).toBeVisible();
  await expect(page.getByText('You can spend 750 credits')).toBeVisible();
  await redeem(code);
  await expect(page.getByRole('alert')).toBeVisible();
  await expect(page.getByText('You can spend 750 credits')).toBeVisible();
});

test("subscribe, upgrade at once, cancel, change one's mind, pause; the ledger checks", async ({
  page,
  person,
}) => {
  await subscribe(page, person, 'Pro');
  await page.getByRole('button', { name: 'Change to Team' }).click();
  const dialog = page.getByRole('dialog', { name: /Change to Team/ });
  await expect(dialog).toContainText('You pay GBP');
  await dialog.getByRole('button', { name: 'Change plan' }).click();
  await expect(notice(page, 'Done')).toBeVisible();
  await expect(page.getByRole('listitem', { name: 'Team' })).toContainText('Your plan');

  await page.getByRole('link', { name: 'Overview' }).click();
  await page.getByRole('button', { name: 'Pause' }).click();
  await expect(notice(page, 'Your subscription is paused')).toBeVisible();
  await page.getByRole('button', { name: 'Resume' }).click();
  await expect(page.getByRole('button', { name: 'Pause' })).toBeVisible();

  await page.getByRole('button', { name: 'Cancel plan' }).click();
  const cancel = page.getByRole('dialog', { name: 'Cancel your plan' });
  await expect(cancel).toContainText('Credits that stay');
  await cancel.getByRole('button', { name: 'Cancel the plan' }).click();
  await expect(notice(page, 'Your plan ends on')).toBeVisible();
  await expect(page.getByRole('region', { name: 'Plan', exact: true })).toContainText('Team');

  await page.getByRole('button', { name: 'Keep my plan' }).click();
  await page.getByRole('button', { name: 'Go on to confirm' }).click();
  await pay(page);
  await expect(notice(page, 'Done')).toBeVisible();
  await expect(notice(page, 'Your plan ends on')).toBeHidden();
  await expect(page.getByRole('button', { name: 'Cancel plan' })).toBeVisible();

  await page.getByRole('link', { name: 'Statement' }).click();
  await expect(page.getByRole('row', { name: /Credited/ }).first()).toBeVisible();
  const saved = page.waitForEvent('download');
  await page.getByRole('button', { name: 'Download the ledger' }).click();
  const verdict = await verify(await readFile(await (await saved).path(), 'utf8'));
  expect(verdict).toMatchObject({ isRight: true });
});

test('a statement adds up to the last digit, and so does a receipt', async ({ page, person }) => {
  await openChat(page, person);
  await ask(page, 'How do tides work?');
  await ask(page, 'And why are there two a day?');
  const micros = (text: string) => Math.round(Number(text.replace(/[^\d.-]/g, '')) * 1e6);
  await page
    .getByRole('button', { name: /^Receipt: / })
    .last()
    .click();
  const receipt = page.getByRole('dialog', { name: 'Receipt' });
  const paid = receipt.getByText(/^Paid by/).locator('xpath=following-sibling::dd');
  const charged = receipt.getByText('Charged').locator('xpath=following-sibling::dd');
  const cost = micros(await charged.innerText());
  await expect(paid).toHaveText(await charged.innerText());

  await page.goto('/app/billing/statement');
  const lines = page.getByRole('row').filter({ has: page.getByRole('cell') });
  // A title is made by a model as well, and comes when it comes.
  await expect.poll(() => lines.count()).toBeGreaterThanOrEqual(3);
  const newestFirst = await lines.evaluateAll((rows) =>
    rows.map((row) => [...(row as HTMLTableRowElement).cells].map((cell) => cell.innerText)),
  );
  const amounts = newestFirst.map((cells) => micros(cells.at(-2)!));
  const balances = newestFirst.map((cells) => micros(cells.at(-1)!));
  expect(balances.map((balance, at) => balance - (balances[at + 1] ?? 0))).toEqual(amounts);
  expect(amounts).toContain(-cost);
});

test('run out in the chat, top up, and come back to the message', async ({ page, person }) => {
  await openChat(page, person);
  await spendAll(person);
  await send(page, 'How do tides work?');
  const topUp = page.getByRole('link', { name: 'Top up' });
  await expect(topUp).toBeVisible();
  await composer(page).fill('And what else');
  await topUp.click();
  await page.getByRole('button', { name: 'Buy Starter' }).click();
  await pay(page);
  await page.getByRole('link', { name: 'Back to your chat' }).click();
  await expect(questions(page)).toContainText('How do tides work?');
  await expect(composer(page)).toHaveValue('And what else');
  await page.getByRole('button', { name: 'Get an answer' }).click();
  await expect(answers(page)).toContainText('the sandbox speaking');
});

test('a card is set up, tops up by itself when the balance runs out, and is removed', async ({
  page,
  person,
}) => {
  // A schedule does it, and may do it for others first.
  test.slow();
  await openBilling(page, person, '/automatic');
  const toggle = page.getByLabel('Top up by itself');
  await expect(toggle).toBeDisabled();
  await page.getByRole('button', { name: 'Buy Starter and keep the card' }).click();
  await expect(bank(page).getByText('at most £5.00 each time')).toBeVisible();
  await expect(bank(page).getByRole('radio', { name: 'UPI' })).toBeHidden();
  await pay(page);
  await expect(notice(page, 'Done')).toBeVisible();
  const card = page.getByRole('region', { name: 'Card' });
  await expect(card).toContainText('Visa ···· 4242');
  await expect(card).toContainText('At most £5 a charge');

  await toggle.check();
  await page.getByLabel('When the balance falls below').fill('100');
  await page.getByLabel('At most in a calendar month').fill('4');
  await page.getByRole('button', { name: 'Save' }).click();
  await expect(page.getByRole('alert')).toContainText('must allow at least one package');
  await page.getByLabel('At most in a calendar month').fill('10');
  await expect(page.getByText('By saving you agree that Visa')).toBeVisible();
  await page.getByRole('button', { name: 'Save' }).click();
  await expect(page.getByText('Automatic top-up is on.')).toBeVisible();
  // A package that costs more than was agreed to needs the card once more.
  await page.getByLabel('Buy', { exact: true }).selectOption('pro');
  await expect(page.getByText('may not be charged that much by itself')).toBeVisible();

  await page.getByLabel('Alert below, in credits').fill('500');
  await page.getByRole('button', { name: 'Add' }).click();
  await expect(page.getByText('Below 500 credits')).toBeVisible();

  await spendAll(person);
  await expect(async () => {
    await page.goto('/app/billing');
    await expect(balance(page)).toHaveText('10,000 credits', { timeout: 5_000 });
  }).toPass({ timeout: 90_000 });
  // What happened is said, until it was read.
  const bar = page.getByRole('complementary', { name: 'Notices' });
  await expect(bar).toContainText('Thank you for your payment');
  const before = await bar.textContent();
  await bar.getByRole('button', { name: 'Dismiss this notice' }).click();
  await expect.poll(() => bar.textContent()).not.toBe(before);

  await page.goto('/app/billing/automatic');
  await card.getByRole('button', { name: 'Remove' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Remove the card' }).click();
  await expect(page.getByText('The card was removed')).toBeVisible();
  await expect(card).toBeHidden();
  await expect(toggle).not.toBeChecked();
});

test('a low balance is told on the page, and all notices go at once', async ({ page, person }) => {
  await openBilling(page, person, '/automatic');
  for (const credits of ['400', '300']) {
    await page.getByLabel('Alert below, in credits').fill(credits);
    await page.getByRole('button', { name: 'Add' }).click();
    await expect(page.getByText(`Below ${credits} credits`)).toBeVisible();
  }
  await spendAll(person);
  // What is looked for every minute is looked for now.
  await asOperator((sql) => sql`select private.check_balances()`);
  await page.reload();
  const bar = page.getByRole('complementary', { name: 'Notices' });
  await expect(bar).toContainText('Your balance is low');
  await expect(bar).toContainText('1 more');
  const read = page.waitForResponse('**/rpc/read_notices');
  await bar.getByRole('button', { name: 'Dismiss all' }).click();
  await expect(bar).toBeHidden();
  expect((await read).ok()).toBe(true);
  const looked = page.waitForResponse('**/rest/v1/notices?*');
  await page.reload();
  await (await looked).finished();
  await expect(page.getByText('Below 400 credits')).toBeVisible();
  await expect(bar).toBeHidden();
});

test('a member without billing rights looks on, and is told whom to ask', async ({
  page,
  person,
}) => {
  await asOperator(async (sql) => {
    const [team] = await sql`
      insert into private.accounts (kind, name) values ('team', 'Engine') returning id`;
    await sql`
      insert into private.members (account_id, user_id, role)
      select ${team!['id']}, id, 'member' from auth.users where email = ${person.email}`;
  });
  await openBilling(page, person);
  await page
    .getByRole('button', { name: /^Account:/ })
    .filter({ visible: true })
    .click();
  await page.getByRole('menuitemradio', { name: /Engine/ }).click();
  await expect(notice(page, 'You can look, not buy')).toContainText('Engine');
  await expect(page.getByRole('region', { name: 'Plan', exact: true })).toContainText('Free');
  const tabs = page.getByRole('navigation', { name: 'Billing' });
  await expect(tabs.getByRole('link', { name: 'Invoices' })).toBeHidden();
  await tabs.getByRole('link', { name: 'Plans' }).click();
  await expect(page.getByRole('listitem', { name: 'Team' })).toContainText('£48');
  await expect(page.getByRole('button', { name: /Subscribe/ })).toBeHidden();
  await tabs.getByRole('link', { name: 'Top up' }).click();
  await expect(page.getByRole('listitem', { name: 'Starter' })).toBeVisible();
  await expect(page.getByRole('button', { name: /Buy/ })).toBeHidden();
});

test('a renewal that fails has a date and a link; paid there, the plan goes on', async ({
  page,
  person,
  context,
}) => {
  await subscribe(page, person, 'Pro');
  const [subscription] = await asOperator(
    (sql) => sql`
      select razorpay_subscription_id as id, extract(epoch from current_end)::float8 as current_end
      from private.subscriptions where account_id in (${accountOf(sql, person)})`,
  );
  await tellRazorpay(`subscriptions/${subscription!['id']}/break`);
  await tellRazorpay('clock', { to: Number(subscription!['current_end']) + 60 });
  await page.getByRole('link', { name: 'Overview' }).click();
  const look = () => page.evaluate(() => document.dispatchEvent(new Event('visibilitychange')));
  await expect(async () => {
    await look();
    await expect(notice(page, 'could not be charged')).toContainText('Pro stays until', {
      timeout: 2_000,
    });
  }).toPass({ timeout: 30_000 });

  const opened = context.waitForEvent('page');
  await page.getByRole('main').getByRole('link', { name: 'Pay now' }).click();
  const window = await opened;
  await window.getByRole('button', { name: 'Pay', exact: true }).click();
  await expect(window.getByText('You can close this page')).toBeVisible();
  await window.close();
  await expect(async () => {
    await look();
    await expect(notice(page, 'could not be charged')).toBeHidden({ timeout: 2_000 });
  }).toPass({ timeout: 30_000 });
  await expect(page.getByRole('region', { name: 'Plan', exact: true })).toContainText('Active');
});

/** With the verifier that anybody can run on an export. */
async function verify(text: string): Promise<unknown> {
  const file = test.info().outputPath('ledger.ndjson');
  await writeFile(file, text);
  const scripts = '../../scripts/ledger';
  const { verifyLedger } = await import(`${scripts}/verify-ledger.ts`);
  const { readLines } = await import(`${scripts}/read-lines.ts`);
  const { createReadStream } = await import('node:fs');
  return verifyLedger(readLines(createReadStream(file)));
}

test('what a payment comes to moves nothing, and is in sight', async ({ page, person }) => {
  await page.setViewportSize({ width: 360, height: 740 });
  await openBilling(page, person, '/top-up');
  const buy = page.getByRole('button', { name: 'Buy Enterprise' });
  await buy.scrollIntoViewIfNeeded();
  const place = async () => Math.round((await buy.boundingBox())!.y);
  const before = await place();
  await buy.click();
  await pay(page);
  await expect(notice(page, 'Done')).toBeInViewport({ ratio: 1 });
  expect(await place()).toBe(before);
});

test('a plan and a package of one name are told apart', async ({ page, person }) => {
  await openBilling(page, person, '/plans');
  const plan = page.getByRole('listitem', { name: 'Pro plan', exact: true });
  await expect(plan).toContainText(/a month/);
  await page.goto('/app/billing/top-up');
  const bundle = page.getByRole('listitem', { name: 'Pro package', exact: true });
  await expect(bundle).toContainText(/once/);
  await bundle.getByRole('button', { name: 'Buy Pro package' }).click();
  await pay(page);
  await expect(notice(page, 'Done')).toBeVisible();
  await page.goto('/app/billing/statement');
  await expect(page.getByRole('row', { name: /Pro package, paid/ })).toBeVisible();
});
