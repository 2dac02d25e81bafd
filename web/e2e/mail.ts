import { expect } from '@playwright/test';

export interface Mail {
  id: string;
  to: string;
  kind: string;
  link: string;
  code: string;
}

function required(name: string): string {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is missing: global-setup.ts has not run.`);
  return value;
}

export async function mailsTo(address: string): Promise<Mail[]> {
  const response = await fetch(`${required('E2E_MAIL_URL')}/api/messages`);
  const mails = (await response.json()) as Mail[];
  return mails.filter((mail) => mail.to === address);
}

/** The newest mail to the address, once there is one that is not among those already seen. */
export async function nextMail(address: string, seen: readonly Mail[] = []): Promise<Mail> {
  let newest: Mail | undefined;
  await expect(async () => {
    newest = (await mailsTo(address)).find((mail) => !seen.some(({ id }) => id === mail.id));
    expect(newest, `a mail to ${address}`).toBeDefined();
  }).toPass({ timeout: 10_000 });
  return newest!;
}
