import type { Page } from '@playwright/test';
import OpenAI from 'openai';
import { expect } from './test.ts';

export const gatewayUrl = () => `${process.env['E2E_API_URL']}/functions/v1/gateway/v1`;

/** The official package, as a developer has it; it never repeats a call that was refused. */
export function client(secret: string): OpenAI {
  return new OpenAI({ baseURL: gatewayUrl(), apiKey: secret, maxRetries: 0 });
}

export function ask(secret: string, model = 'openai/gpt-4o-mini') {
  return client(secret).chat.completions.create({
    model,
    max_tokens: 20,
    messages: [{ role: 'user', content: 'Hello' }],
  });
}

/** What became of a call: the status, and the code of the error if it was one. */
export async function outcome(
  call: PromiseLike<unknown>,
): Promise<{ status: number; code: string | null }> {
  try {
    await call;
    return { status: 200, code: null };
  } catch (error) {
    if (!(error instanceof OpenAI.APIError)) throw error;
    return { status: Number(error.status), code: error.code ?? null };
  }
}

/** Creates a key on its page with nothing but a name, and reads its text. */
export async function createKey(page: Page, name: string): Promise<string> {
  await page.goto('/app/api/keys');
  await page.getByRole('button', { name: /^Create (a )?key$/ }).click();
  const dialog = page.getByRole('dialog', { name: 'Create a key' });
  await dialog.getByLabel('Name').fill(name);
  await dialog.getByRole('button', { name: 'Create key' }).click();
  const secret = await readSecret(page, name);
  await page.getByRole('button', { name: 'Done' }).click();
  return secret;
}

/** The text of a key that was just made; a dialog shows it. */
export async function readSecret(page: Page, name: string): Promise<string> {
  const shown = page.getByRole('dialog').getByLabel(name, { exact: true });
  await expect(shown).toHaveText(/^sk-oneai-[0-9a-f]{72}$/);
  return (await shown.textContent()) ?? '';
}

export async function act(page: Page, name: string, what: string): Promise<void> {
  await page.getByRole('button', { name: `Actions for ${name}` }).click();
  await page.getByRole('menuitem', { name: what, exact: true }).click();
}
