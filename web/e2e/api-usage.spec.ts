import { readFile } from 'node:fs/promises';
import AxeBuilder from '@axe-core/playwright';
import { ask, createKey, outcome } from './api-client.ts';
import { accountOf, asOperator } from './chat.ts';
import { admit, createPerson, expect, openAs, test } from './test.ts';

test('what was called is counted, charted, listed and written to files', async ({
  page,
  person,
}) => {
  await openAs(page, person, '/app/usage');
  await expect(page.getByRole('heading', { name: 'Nothing used in this time' })).toBeVisible();
  const formula = await createKey(page, '=HYPERLINK("http://x","y")');
  const plain = await createKey(page, 'Plain, "quoted"');
  for (const secret of [formula, plain, plain])
    expect((await outcome(ask(secret))).status).toBe(200);

  await page.goto('/app/usage?by=key');
  const sums = page.getByRole('region', { name: 'Usage by key' });
  await expect(sums.getByRole('row')).toHaveCount(3);
  await expect(sums.getByRole('row', { name: /^Plain/ })).toContainText('2');
  await expect(page.locator('dl').getByText('0 of 3')).toBeVisible();

  // A day is chosen by keyboard, and said.
  const chart = page.getByRole('slider', { name: 'Day' });
  await expect(chart).toHaveAttribute('aria-valuetext', /Plain/);
  await chart.press('Home');
  await expect(chart).toHaveAttribute('aria-valuetext', /: 0$/);
  await page.getByLabel('Show', { exact: true }).selectOption('Requests');
  await expect(page).toHaveURL(/show=requests/);
  await page.getByLabel('As a table').check();
  const byDay = page.getByRole('region', { name: 'Usage by day' }).getByRole('row').nth(1);
  await expect(byDay.getByRole('cell')).toHaveText([/\d/, '3', '2', '1']);

  const [daysFile] = await Promise.all([
    page.waitForEvent('download'),
    page
      .getByRole('button', { name: 'Download CSV' })
      .click()
      .then(() => page.getByRole('menuitem', { name: 'Sums by day' }).click()),
  ]);
  const days = (await readFile(await daysFile.path(), 'utf8')).split('\r\n');
  expect(days).toHaveLength(4);
  expect(days[0]).toMatch(/^day,model,key,member,requests,/);
  expect(days.join('\n')).toContain(`,"'=HYPERLINK(""http://x"",""y"")",Asha Rao,1,0,`);
  expect(days.join('\n')).toContain(`,"Plain, ""quoted""",Asha Rao,2,0,`);

  await sums.getByRole('button', { name: /^Plain/ }).click();
  await expect(page).toHaveURL(/key=[0-9a-f-]{36}/);
  const receipts = page.getByRole('region', { name: 'Receipts' });
  await expect(receipts.getByRole('row')).toHaveCount(3);
  await receipts
    .getByRole('button', { name: /^Receipt:/ })
    .first()
    .click();
  const receipt = page.getByRole('dialog', { name: 'Receipt' });
  await expect(receipt).toContainText('Charged');
  await expect(receipt).toContainText('Paid by Welcome credits');
  await page.keyboard.press('Escape');

  const [receiptsFile] = await Promise.all([
    page.waitForEvent('download'),
    page
      .getByRole('button', { name: 'Download CSV' })
      .click()
      .then(() => page.getByRole('menuitem', { name: 'Every receipt' }).click()),
  ]);
  const lines = (await readFile(await receiptsFile.path(), 'utf8')).trimEnd().split('\r\n');
  expect(lines).toHaveLength(3);
  expect(lines[1]).toContain('openai/gpt-4o-mini');

  await receipts
    .getByRole('button', { name: /^Receipt:/ })
    .first()
    .click();
  await receipt.getByText(/^Price version \d+$/).click();
  await expect(receipt).toContainText(
    /Credits per million tokens\s*Prompt\s*[\d.,]+\s*Answer\s*[\d.,]+/,
  );
});

test('receipts come page by page, none twice and none left out', async ({ page, person }) => {
  await admit(page, person);
  const secret = await createKey(page, 'Many');
  // More than a page of them is more than the free plan takes in a minute.
  await asOperator(
    (sql) => sql`
      update private.account_plans set plan_id = 'pro'
      where account_id = (${accountOf(sql, person)})`,
  );
  const calls = await Promise.all(Array.from({ length: 30 }, () => ask(secret)));
  await page.goto('/app/usage');
  const rows = page
    .getByRole('region', { name: 'Receipts' })
    .getByRole('button', { name: /^Receipt:/ });
  await expect(rows).toHaveCount(25);
  await page.getByRole('button', { name: 'Show more' }).click();
  await expect(rows).toHaveCount(30);
  await expect(page.getByRole('button', { name: 'Show more' })).toHaveCount(0);

  const [file] = await Promise.all([
    page.waitForEvent('download'),
    page
      .getByRole('button', { name: 'Download CSV' })
      .click()
      .then(() => page.getByRole('menuitem', { name: 'Every receipt' }).click()),
  ]);
  const text = await readFile(await file.path(), 'utf8');
  for (const { id } of calls) expect(text).toContain(id.replace('chatcmpl-', ''));
});

test('however many days, models and keys there are, sums and files have all of them', async ({
  page,
  person,
}) => {
  await admit(page, person);
  await createKey(page, 'Busy');
  // 2,640 rows: more than two pages of the Data API, of models whose names its filters must quote.
  await asOperator(
    (sql) => sql`
      insert into private.usage_days (account_id, day, model_id, user_id, key_id, requests, charged_micros)
      select
        accounts.id, (now() at time zone 'UTC')::date - back, 'odd/a,(' || nth || '):b.c', accounts.personal_user_id,
        key_id, 1, nth * 1000
      from private.accounts, generate_series(0, 21) as back, generate_series(1, 60) as nth, (
        select id as key_id from private.api_keys where account_id in (${accountOf(sql, person)})
        union all select '00000000-0000-0000-0000-000000000000'
      ) as keys
      where accounts.id in (${accountOf(sql, person)})`,
  );
  await page.goto('/app/usage');
  await expect(page.locator('dl').getByText('0 of 2,640')).toBeVisible();
  const models = page.getByRole('region', { name: 'Usage by model' }).getByRole('row');
  await expect(models).toHaveCount(11);
  await page.getByRole('button', { name: 'Show all 60' }).click();
  await expect(models).toHaveCount(61);
  await expect(page.getByText('only the sums are here')).toBeVisible();

  const save = async (name: string) => {
    const [file] = await Promise.all([
      page.waitForEvent('download'),
      page
        .getByRole('button', { name: 'Download CSV' })
        .click()
        .then(() => page.getByRole('menuitem', { name }).click()),
    ]);
    return (await readFile(await file.path(), 'utf8')).trimEnd().split('\r\n');
  };
  const lines = await save('Sums by day');
  expect(lines).toHaveLength(2641);
  expect(new Set(lines).size).toBe(2641);

  // What a file lacks is said: these receipts are not there any more.
  expect(await save('Every receipt')).toHaveLength(1);
  await expect(page.getByText('2,640 older ones are in the archive')).toBeVisible();

  // A file that takes long can be given up, and one that breaks off is not half a file.
  await page.route('**/rest/v1/usage_days?*', () => {});
  await page.getByRole('button', { name: 'Download CSV' }).click();
  await page.getByRole('menuitem', { name: 'Sums by day' }).click();
  await expect(page.getByRole('progressbar', { name: 'The download' })).toBeVisible();
  await page.getByRole('button', { name: 'Cancel' }).click();
  await page.unroute('**/rest/v1/usage_days?*');
  await page.route('**/rest/v1/usage_days?*', (route) => route.abort());
  await page.getByRole('button', { name: 'Download CSV' }).click();
  await page.getByRole('menuitem', { name: 'Sums by day' }).click();
  await expect(page.getByText('Nothing was saved.')).toBeVisible();
});

test('what an account and a member may still use is seen before it bites', async ({
  page,
  person,
}) => {
  await admit(page, person);
  const secret = await createKey(page, 'Bounded');
  const plan = `e2e-${crypto.randomUUID().slice(0, 8)}`;
  await asOperator(async (sql) => {
    await sql`
      insert into private.plans (id, name, requests_per_minute, requests_per_month, max_cost_micros, is_public)
      values (${plan}, 'Agreed', 15, 1200, 3000000, false)`;
    await sql`insert into private.plan_models (plan_id, priority, pattern, allowed) values (${plan}, 1, '*', true)`;
    await sql`
      insert into private.model_quotas (plan_id, pattern, tokens_per_month)
      values (${plan}, '*', 5000000), (${plan}, 'openai/*', 90000)`;
    await sql`
      update private.account_plans set plan_id = ${plan} where account_id in (${accountOf(sql, person)})`;
    // As the owner of the account, who alone may.
    await sql.begin(async (tx) => {
      await tx`
        select set_config('request.jwt.claims', json_build_object('sub', id)::text, true)
        from auth.users where email = ${person.email}`;
      await tx`
        select private.set_budget(accounts.id, 'member', accounts.personal_user_id, 'month', 8000000)
        from private.accounts where accounts.id in (${accountOf(sql, person)})`;
    });
  });
  expect((await outcome(ask(secret))).status).toBe(200);

  await page.goto('/app/usage');
  const limits = page.getByRole('region', { name: 'Limits' });
  const meter = (name: string) => limits.getByRole('meter', { name, exact: true });
  const says = (name: string) => expect(meter(name));
  await says('Requests this month').toHaveAttribute('aria-valuetext', '1 of 1,200');
  await says('All other models').toHaveAttribute('aria-valuetext', '0 of 5M tokens');
  await says('Models of OpenAI').toHaveAttribute('aria-valuetext', /^[1-9]\d* of 90,000 tokens$/);
  await says('Credits this month').toHaveAttribute('aria-valuetext', /^[\d.]*[1-9] of 8$/);
  await expect(limits).toContainText(/\d left · begins anew on \w/);
  await expect(limits).toContainText('up to 15 a minute');
  await expect(limits).toContainText('at most 3 credits');
  await expect(limits).toContainText(/The month begins anew on \w/);

  // What an open call may still use is no longer there for another.
  await asOperator(
    (sql) => sql`
      update private.token_quotas set held_tokens = 4000 where account_id in (${accountOf(sql, person)})`,
  );
  await page.route('**/rest/v1/token_quotas?*', (route) => route.abort());
  await page.reload();
  await expect(limits.getByRole('alert')).toBeVisible();
  await page.unroute('**/rest/v1/token_quotas?*');
  await limits.getByRole('button', { name: 'Try again' }).click();
  await expect(limits).toContainText('4,000 more are set aside');
  const bar = Number(await meter('Models of OpenAI').getAttribute('aria-valuenow'));
  expect(bar).toBeGreaterThan(4000);

  // Where there is no limit there is nothing to say.
  await asOperator(async (sql) => {
    await sql`delete from private.model_quotas where plan_id = ${plan}`;
    await sql`
      update private.plans set requests_per_minute = null, requests_per_month = null, max_cost_micros = null
      where id = ${plan}`;
    await sql`delete from private.budgets where account_id in (${accountOf(sql, person)})`;
  });
  await page.reload();
  await expect(page.getByRole('region', { name: 'Receipts' })).toBeVisible();
  await expect(limits).toHaveCount(0);
});

test("in a team one sees the cap of one's own there, and in another account none", async ({
  page,
  person,
}) => {
  const colleague = await createPerson();
  const teamId = await asOperator(async (sql) => {
    const [team] = await sql`
      insert into private.accounts (kind, name) values ('team', 'Engine') returning id`;
    // An admin may know what others may spend, and is not told it as what is their own.
    await sql`
      insert into private.members (account_id, user_id, role)
      select ${team!['id']}, id, 'admin' from auth.users where email in (${person.email}, ${colleague.email})`;
    await sql`
      insert into private.budgets (account_id, subject, subject_id, period, limit_micros, window_start, spent_micros, held_micros)
      select ${team!['id']}, 'member', users.id, cap.period::private.budget_period, cap.micros, now(), 1500000, 250000
      from auth.users
      join (values (${person.email}, 'day', 2000000), (${colleague.email}, 'total', 9000000)) as cap (email, period, micros)
        on cap.email = users.email`;
    return String(team!['id']);
  });
  await page.addInitScript((id) => localStorage.setItem('account', id), teamId);
  await openAs(page, person, '/app/usage');
  const limits = page.getByRole('region', { name: 'Limits' });
  const cap = limits.getByRole('meter', { name: /^Credits/ });
  await expect(cap).toHaveCount(1);
  await expect(cap).toHaveAccessibleName('Credits today');
  await expect(cap).toHaveAttribute('aria-valuetext', '1.5 of 2');
  await expect(limits).toContainText(/0\.25 left · 0\.25 set aside · begins anew at \d/);

  await page.getByRole('button', { name: /^Account:/ }).click();
  await page.getByRole('menuitemradio', { name: /Personal/ }).click();
  await expect(cap).toHaveCount(0);
  await expect(limits).toContainText('Requests this month');
});

const pages = ['/app/api/keys', '/app/usage', '/app/api/playground', '/reference'];

for (const colorScheme of ['light', 'dark'] as const) {
  test(`the pages are accessible when it is ${colorScheme}`, async ({ page, person }) => {
    test.slow();
    await page.emulateMedia({ reducedMotion: 'reduce' });
    await admit(page, person);
    const secret = await createKey(page, 'Seen');
    await outcome(ask(secret));
    await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
    for (const path of pages) {
      await page.goto(path);
      await expect(page.getByRole('heading', { level: 1 })).toBeVisible();
      if (path === '/app/usage') await expect(page.getByRole('slider')).toBeVisible();
      if (path === '/app/api/keys') await expect(page.getByRole('article')).toBeVisible();
      // All of it is some thousand elements, of which most are alike.
      if (path === '/reference') await page.getByLabel('Search').fill('credits');
      const { violations } = await new AxeBuilder({ page }).analyze();
      expect(
        violations.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.html).join(' | ')}`),
        `${path} ${colorScheme}`,
      ).toEqual([]);
    }
  });
}

test('the pages never scroll sideways on a phone', async ({ page, person }) => {
  await admit(page, person);
  await createKey(page, 'Seen');
  await page.setViewportSize({ width: 360, height: 740 });
  for (const path of pages) {
    await page.goto(path);
    await expect(page.getByRole('heading', { level: 1 })).toBeVisible();
    const overflow = () =>
      page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
    expect(await overflow(), path).toBeLessThanOrEqual(0);
  }
});

test('names that come late leave the filters where they are', async ({ page, person }) => {
  await admit(page, person);
  await createKey(page, 'Nightly summaries of the old server in Pune and its backups');
  const held = Promise.withResolvers();
  await page.route('**/rest/v1/keys*', async (route) => {
    await held.promise;
    await route.continue();
  });
  await page.goto('/app/usage');
  await expect(page.getByRole('heading', { name: 'Nothing used in this time' })).toBeVisible();
  const filter = page.getByLabel('Key', { exact: true });
  const before = await filter.boundingBox();
  held.resolve(null);
  await expect(filter.getByRole('option', { name: /^Nightly/ })).toBeAttached();
  expect(await filter.boundingBox()).toEqual(before);
});
