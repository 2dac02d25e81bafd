import { randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { json } from 'node:stream/consumers';
import { escapeHtml } from './escape-html.ts';
import type { CaughtMail, MailBox } from './mail-box.ts';

export interface MailPage {
  stop(): Promise<void>;
}

interface Options {
  port: number;
  mails: MailBox;
}

/** A page to read the caught mails on, and the same as JSON for tests. */
export async function startMailPage({ port, mails }: Options): Promise<MailPage> {
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? '/', 'http://mail.local');
    const route = `${request.method} ${url.pathname}`;
    const id = /^GET \/api\/messages\/([\w-]+)$/.exec(route)?.[1];
    // Read by pages of any origin it would tell them one-time codes; so no CORS header is sent.
    if (route === 'GET /api/messages') return answerJson(response, 200, mails.list());
    if (id) {
      const mail = mails.list().find((one) => one.id === id);
      return answerJson(response, mail ? 200 : 404, mail ?? { message: 'No such mail' });
    }
    if (route === 'DELETE /api/messages') {
      mails.clear();
      return answerJson(response, 200, {});
    }
    if (route === 'POST /emails') return void takeIn(request, mails, response);
    if (route !== 'GET /') return answerJson(response, 404, { message: 'Not found' });
    response.writeHead(200, {
      'content-type': 'text/html; charset=utf-8',
      'cache-control': 'no-store',
      'content-security-policy':
        "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'; img-src data: https:; frame-src 'self'",
    });
    response.end(page(mails.list(), url.searchParams.get('id')));
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen(port, '127.0.0.1', resolve);
  });
  return {
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** Where functions hand in mails, in the form that mail services take over HTTP. */
async function takeIn(
  request: IncomingMessage,
  mails: MailBox,
  response: ServerResponse,
): Promise<void> {
  try {
    const mail = (await json(request)) as { to: string[]; subject: string; text: string };
    const html = `<p>${escapeHtml(mail.text).replaceAll('\n', '<br>')}</p>`;
    for (const to of mail.to) {
      mails.add({
        to,
        kind: 'notice',
        subject: mail.subject,
        html,
        text: mail.text,
        link: '',
        code: '',
      });
    }
    answerJson(response, 200, { id: randomUUID() });
  } catch (error) {
    answerJson(response, 422, { message: String(error) });
  }
}

function answerJson(response: ServerResponse, status: number, value: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json', 'cache-control': 'no-store' });
  response.end(JSON.stringify(value));
}

function page(mails: CaughtMail[], id: string | null): string {
  const open = mails.find((mail) => mail.id === id) ?? mails[0];
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Caught mails${mails.length > 0 ? ` (${mails.length})` : ''}</title>
<style>${style}</style>
</head>
<body>
<header>
  <h1>Caught mails</h1>
  <p>What this stack would have sent. Nothing leaves this machine.</p>
  ${mails.length > 0 ? '<button type="button" id="clear">Delete all</button>' : ''}
</header>
<main>
  ${open ? `${list(mails, open)}${reader(open)}` : empty}
</main>
<script>${script(mails[0]?.id ?? '')}</script>
</body>
</html>`;
}

function list(mails: CaughtMail[], open: CaughtMail): string {
  const rows = mails.map((mail) => {
    const current = mail.id === open.id ? ' aria-current="true"' : '';
    return `<li><a href="/?id=${mail.id}"${current}>
      <strong>${escapeHtml(mail.subject)}</strong>
      <span>${escapeHtml(mail.to)}</span>
      <time datetime="${mail.at}">${mail.at.slice(11, 19)} UTC</time>
    </a></li>`;
  });
  return `<nav aria-label="Mails"><ul>${rows.join('')}</ul></nav>`;
}

function reader(mail: CaughtMail): string {
  const link = mail.link
    ? `<dt>Link</dt><dd><a href="${escapeHtml(mail.link)}">${escapeHtml(mail.link)}</a></dd>`
    : '';
  return `<article>
    <h2>${escapeHtml(mail.subject)}</h2>
    <dl>
      <dt>To</dt><dd>${escapeHtml(mail.to)}</dd>
      <dt>Sent</dt><dd><time datetime="${mail.at}">${mail.at}</time></dd>
      <dt>Code</dt><dd><code>${escapeHtml(mail.code)}</code></dd>
      ${link}
    </dl>
    <iframe title="The mail as its reader sees it" sandbox="allow-top-navigation-by-user-activation"
      srcdoc="${escapeHtml(`<base target="_top">${mail.html}`)}"></iframe>
  </article>`;
}

const empty = `<p class="empty">No mail yet. Ask for a sign-in link or reset a password on the site;
the mail appears here by itself.</p>`;

const script = (newest: string) => `
const newest = ${JSON.stringify(newest)};
setInterval(async () => {
  const response = await fetch('/api/messages').catch(() => undefined);
  if (!response) return;
  const [first] = await response.json();
  if ((first?.id ?? '') !== newest) location.assign('/');
}, 1500);
document.getElementById('clear')?.addEventListener('click', async () => {
  await fetch('/api/messages', { method: 'DELETE' });
  location.assign('/');
});`;

const style = `
:root { color-scheme: light dark; --line: light-dark(#dcdfe6, #31353d); --soft: light-dark(#f4f5f8, #1b1e24);
  --text: light-dark(#14171c, #e9ebef); --dim: light-dark(#5a6270, #9aa2b1); --accent: light-dark(#1f5eff, #84a5ff); }
* { box-sizing: border-box; }
body { margin: 0; min-height: 100dvh; display: grid; grid-template-rows: auto 1fr; color: var(--text);
  background: light-dark(#fff, #121418); font: 15px/1.5 system-ui, sans-serif; }
header { display: flex; flex-wrap: wrap; align-items: baseline; gap: 4px 16px; padding: 14px 20px; border-bottom: 1px solid var(--line); }
h1 { margin: 0; font-size: 17px; } header p { margin: 0; color: var(--dim); flex: 1; }
button { font: inherit; padding: 6px 12px; border: 1px solid var(--line); border-radius: 8px; background: var(--soft); color: inherit; cursor: pointer; }
main { display: grid; grid-template-columns: minmax(220px, 320px) 1fr; }
nav { border-right: 1px solid var(--line); overflow: auto; }
ul { list-style: none; margin: 0; padding: 0; }
nav a { display: grid; padding: 12px 20px; border-bottom: 1px solid var(--line); color: inherit; text-decoration: none; }
nav a:hover, nav a[aria-current] { background: var(--soft); } nav a[aria-current] { box-shadow: inset 3px 0 var(--accent); }
nav span, time { color: var(--dim); font-size: 13px; overflow-wrap: anywhere; }
article { padding: 20px; min-width: 0; display: grid; grid-template-rows: auto auto 1fr; }
h2 { margin: 0 0 12px; font-size: 20px; }
dl { display: grid; grid-template-columns: auto 1fr; gap: 4px 16px; margin: 0 0 16px; } dt { color: var(--dim); } dd { margin: 0; overflow-wrap: anywhere; }
a { color: var(--accent); } code { font-size: 17px; letter-spacing: 2px; }
iframe { width: 100%; min-height: 420px; height: 100%; border: 1px solid var(--line); border-radius: 10px; }
.empty { grid-column: 1 / -1; margin: 15vh auto; max-width: 40ch; text-align: center; color: var(--dim); }
@media (max-width: 640px) { main { grid-template-columns: 1fr; } nav { border-right: 0; max-height: 40vh; } }
`;
