import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { App } from '@supabase/lite';
import { escapeHtml } from './escape-html.ts';
import type { Mail } from './mail-box.ts';
import type { Challenge, MailLinks } from './mail-links.ts';

type Mailer = NonNullable<App['_mailer']>;
type Kind = 'confirmation' | 'recovery' | 'magic_link' | 'email_change' | 'reauthentication';

export interface Asked {
  redirectTo: string | undefined;
  challenge: Challenge | undefined;
}

interface Options {
  apiUrl: string;
  siteUrl: string;
  root: string;
  templates: Record<string, { subject: string; content_path: string }>;
  send: (mail: Mail) => void;
  /** Where the person who asked wants to land, and what ties the link to their browser. */
  asked: () => Asked | undefined;
  links: MailLinks;
}

/** The names that /auth/v1/verify knows these mails by. */
const verifyTypes: Record<Kind, string> = {
  confirmation: 'signup',
  recovery: 'recovery',
  magic_link: 'magiclink',
  email_change: 'email_change',
  reauthentication: '',
};

/** Writes the auth mails from supabase/templates, with the same variables as on the platform. */
export function createMailer(options: Options): Mailer {
  const { apiUrl, siteUrl, root, templates } = options;

  async function write(
    kind: Kind,
    to: string,
    hash: string,
    code: string,
    meta: Meta = {},
  ): Promise<void> {
    const template = templates[kind];
    if (!template) throw new Error(`supabase/config.toml has no auth.email.template.${kind}`);
    const asked = options.asked();
    const redirectTo = asked?.redirectTo ?? siteUrl;
    const type = verifyTypes[kind];
    const token =
      asked?.challenge && meta.userId && type
        ? await options.links.begin(meta.userId, type, asked.challenge, hash)
        : hash;
    const link = new URL('/auth/v1/verify', apiUrl);
    link.search = new URLSearchParams({
      token,
      type,
      redirect_to: redirectTo,
    }).toString();
    const url = kind === 'reauthentication' ? '' : link.href;
    const values: Record<string, string> = {
      ConfirmationURL: url,
      Token: code,
      TokenHash: hash,
      SiteURL: siteUrl,
      RedirectTo: redirectTo,
      Email: meta.currentEmail ?? to,
      NewEmail: meta.newEmail ?? to,
    };
    const html = readFileSync(join(root, template.content_path), 'utf8');
    options.send({
      to,
      kind,
      subject: fill(template.subject, values, (text) => text),
      html: fill(html, values, escapeHtml),
      text: [template.subject, url, code].filter(Boolean).join('\n\n'),
      link: url,
      code,
    });
  }

  return {
    sendConfirmation: (to, hash, code, meta) => write('confirmation', to, hash, code, meta),
    sendRecovery: (to, hash, code, meta) => write('recovery', to, hash, code, meta),
    sendMagicLink: (to, hash, code, meta) => write('magic_link', to, hash, code, meta),
    sendEmailChange: (to, hash, code, meta) => write('email_change', to, hash, code, meta),
    sendReauthentication: (to, code, meta) =>
      write('reauthentication', to, meta?.tokenHash ?? '', code, meta),
  };
}

type Meta = { userId?: string; currentEmail?: string; newEmail?: string };

function fill(
  template: string,
  values: Record<string, string>,
  escape: (text: string) => string,
): string {
  return template.replace(/\{\{\s*\.(\w+)\s*\}\}/g, (_, name: string) =>
    escape(values[name] ?? ''),
  );
}
