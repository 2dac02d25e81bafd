import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { createKey, gatewayUrl } from './api-client.ts';
import { admit, expect, test } from './test.ts';

const run = promisify(execFile);

test('the reference is a page of the built site, and says what the served document says', async ({
  page,
}) => {
  const served = (await (await fetch(`${gatewayUrl()}/openapi.json`)).json()) as {
    paths: Record<string, Record<string, { summary: string }>>;
  };
  // Without a script of ours: it is all in the file.
  await page.route('**/_app/**/*.js', (route) => route.abort());
  const html = await (await page.request.get('/reference')).text();
  for (const [path, methods] of Object.entries(served.paths)) {
    expect(html).toContain(`>${path}</code>`);
    for (const { summary } of Object.values(methods)) {
      expect(html).toContain(summary.replaceAll('&', '&amp;'));
    }
  }
});

test('it is searched, and every link in it leads somewhere', async ({ page }) => {
  await page.goto('/reference');
  const missing = await page.evaluate(() =>
    [...document.querySelectorAll<HTMLAnchorElement>('main a[href^="#"]')]
      .map(({ hash }) => decodeURIComponent(hash.slice(1)))
      .filter((id) => !document.getElementById(id)),
  );
  expect(missing).toEqual([]);
  await page.getByLabel('Search').fill('embeddings');
  await expect(page.getByRole('status').filter({ hasText: 'found' })).toBeVisible();
  await expect(page.getByRole('heading', { name: 'Turn texts into vectors' })).toBeVisible();
  await expect(page.getByRole('heading', { name: 'Answer a conversation' })).toHaveCount(0);
  await page.getByLabel('Search').fill('zzz');
  await expect(page.getByText('Nothing found.')).toBeVisible();
});

test('its snippets run as they stand', async ({ page, person }) => {
  await admit(page, person);
  const secret = await createKey(page, 'Snippets');
  await page.goto('/reference');
  const env = { ...process.env, ONEAI_API_KEY: secret };
  // Inside the project, so that the packages are found.
  const folder = await mkdtemp(join(import.meta.dirname, '../../test-results/snippets-'));
  try {
    for (const summary of [
      'Answer a conversation',
      'Turn texts into vectors',
      "Answer in the format of Anthropic's messages",
      "Answer in the format of OpenAI's responses",
      'What the account has',
      'The models this key can call',
      'One model; its id contains slashes',
    ]) {
      const section = page.getByRole('region', { name: summary, exact: true });
      const code = section.getByRole('group', { name: /^Code/ });
      await expect(code).toContainText('curl');
      const curl = await run('bash', ['-c', `set -e; ${await code.textContent()}`], { env });
      const { error } = JSON.parse(curl.stdout) as { error?: unknown };
      expect(error ?? null, summary).toBeNull();
      const tab = section.getByRole('tab', { name: 'TypeScript' });
      // The page is read before its scripts are there, and only then heeds a click.
      await expect(async () => {
        await tab.click();
        await expect(tab).toHaveAttribute('aria-selected', 'true', { timeout: 500 });
      }).toPass();
      await expect(code).toContainText('import');
      const file = join(folder, `${crypto.randomUUID()}.ts`);
      await writeFile(file, (await code.textContent()) ?? '');
      const { stdout } = await run(process.execPath, [file], { env });
      expect(stdout.trim(), summary).not.toBe('');
    }
  } finally {
    await rm(folder, { recursive: true });
  }
});
