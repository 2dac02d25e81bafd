import { test as base, expect, type Page } from '@playwright/test';

export interface Person {
  name: string;
  email: string;
  password: string;
}

/** Somebody with an account, and a session that is nobody else's yet. */
export interface Member extends Person {
  session: object;
}

interface Fixtures {
  /** Somebody nobody has heard of yet. */
  stranger: Person;
  /** Somebody with an account, who is not signed in. */
  person: Member;
  /** Watches every page of the test; any problem fails it. */
  pageProblems: string[];
}

export const site = () => process.env['E2E_SITE_URL']!;

function newPerson(): Person {
  const id = crypto.randomUUID();
  return { name: 'Asha Rao', email: `asha-${id}@example.com`, password: `correct horse ${id}` };
}

export async function createPerson(): Promise<Member> {
  const person = newPerson();
  const { name, email, password } = person;
  const response = await fetch(`${process.env['E2E_API_URL']}/auth/v1/signup`, {
    method: 'POST',
    headers: {
      apikey: process.env['E2E_PUBLISHABLE_KEY']!,
      'content-type': 'application/json',
    },
    body: JSON.stringify({ email, password, data: { name } }),
  });
  if (!response.ok)
    throw new Error(`Sign-up answered ${response.status}: ${await response.text()}`);
  return { ...person, session: (await response.json()) as object };
}

/** Says what a page did that no page may do: a violated policy, an uncaught error, a warning. */
export function watch(page: Page, problems: string[]): void {
  page.on('pageerror', (error) => problems.push(`${page.url()}: ${error.message}`));
  page.on('console', (message) => {
    if (message.type() !== 'error' && message.type() !== 'warning') return;
    // Chromium reports every refused request itself; what the page makes of it is tested.
    if (message.text().startsWith('Failed to load resource')) return;
    problems.push(`${page.url()}: ${message.text()}`);
  });
}

export const test = base.extend<Fixtures>({
  baseURL: async ({}, use) => use(site()),
  stranger: async ({}, use) => use(newPerson()),
  person: async ({}, use) => use(await createPerson()),
  pageProblems: [
    async ({ context }, use) => {
      const problems: string[] = [];
      context.on('page', (page) => watch(page, problems));
      await use(problems);
      expect(problems).toEqual([]);
    },
    { auto: true },
  ],
});

export { expect };

export async function trySignIn(page: Page, person: Person, path = '/signin'): Promise<void> {
  await page.goto(path);
  await page.getByLabel('Email').fill(person.email);
  await page.getByLabel('Password', { exact: true }).fill(person.password);
  await page.getByRole('button', { name: 'Sign in', exact: true }).click();
}

export async function signIn(page: Page, person: Person, path = '/signin'): Promise<void> {
  await trySignIn(page, person, path);
  // The address to sign in at may itself name the page that is wanted.
  await expect(page).toHaveURL(({ pathname }) => pathname.startsWith('/app'));
}

/** Makes the browser one in which the person has signed in: how the form does it is tested with the form. */
export async function admit(page: Page, { session }: Member): Promise<void> {
  // The smallest of the site's files: a browser keeps what it stores by origin.
  await page.goto('/favicon.svg');
  await page.evaluate(
    (text) => localStorage.setItem('oneai-auth-token', text),
    JSON.stringify(session),
  );
}

export async function openAs(page: Page, person: Member, path = '/app/chat'): Promise<void> {
  await admit(page, person);
  await page.goto(path);
}
