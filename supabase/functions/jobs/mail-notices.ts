import { asService } from '../_shared/razorpay-call.ts';
import type { TaskDeps } from './tasks.ts';

interface Notice {
  id: string;
  to: string[];
  title: string;
  body: string;
  link: string | null;
}

/** Hands notices to a mail service over HTTP. Without one they are in the app only. */
export async function mailNotices(deps: TaskDeps): Promise<unknown> {
  const { mail } = deps;
  if (!mail) return { skipped: 'MAIL_URL is not set' };
  const service = deps as Parameters<typeof asService>[0];
  const notices = await asService<Notice[]>(service, 'claim_notices', {});
  const sent = await Promise.all(notices.map((notice) => send(notice, deps)));
  const done = notices.filter((_, at) => sent[at]).map(({ id }) => id);
  if (done.length > 0) await asService(service, 'note_mailed', { notice_ids: done });
  return { claimed: notices.length, sent: done.length };
}

async function send({ to, title, body, link }: Notice, deps: TaskDeps): Promise<boolean> {
  const { mail, fetch, signal } = deps;
  if (!mail || to.length === 0) return true;
  const text = link ? `${body}\n\n${new URL(link, mail.siteUrl).href}` : body;
  try {
    const response = await fetch(mail.url, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        ...(mail.key ? { authorization: `Bearer ${mail.key}` } : {}),
      },
      body: JSON.stringify({ from: mail.from, to, subject: title, text }),
      signal: AbortSignal.any([signal, AbortSignal.timeout(10_000)]),
    });
    await response.body?.cancel();
    return response.ok;
  } catch {
    return false;
  }
}
