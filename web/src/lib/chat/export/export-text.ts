import type { Message } from '#lib/api/chat.ts';

export interface Exported {
  title: string;
  /** The branch that is open, in order. */
  messages: readonly Pick<Message, 'role' | 'content' | 'model_id' | 'created_at'>[];
}

type Said = Exported['messages'][number];

export function speaker({ role, model_id }: Said): string {
  if (role === 'user') return 'You';
  return model_id ?? 'Answer';
}

function moment({ created_at }: Said): string {
  return new Date(created_at).toISOString().slice(0, 16).replace('T', ' ');
}

/** Code that breaks off is ended here: it would take in all that is said after it. */
function closed(content: string): string {
  let open = '';
  for (const line of content.split(/\r?\n/)) {
    const [, fence = '', rest = ''] = /^ {0,3}(`{3,}|~{3,})(.*)$/.exec(line) ?? [];
    if (open) {
      if (fence.startsWith(open) && rest.trim() === '') open = '';
    } else if (fence.startsWith('~') || !rest.includes('`')) {
      open = fence;
    }
  }
  return open ? `${content}\n${open}` : content;
}

export function toMarkdown({ title, messages }: Exported): string {
  const parts = messages.map(
    (message) =>
      `## ${speaker(message)}\n\n*${moment(message)} UTC*\n\n${closed(message.content.trim())}\n`,
  );
  return `# ${title}\n\n${parts.join('\n')}`;
}

export function toText({ title, messages }: Exported): string {
  const parts = messages.map(
    (message) => `${speaker(message)} (${moment(message)} UTC)\n\n${message.content.trim()}\n`,
  );
  return `${title}\n${'='.repeat(Math.min(72, title.length))}\n\n${parts.join('\n---\n\n')}`;
}

export function escapeHtml(text: string): string {
  const signs: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };
  return text.replace(/[&<>"]/g, (sign) => signs[sign]!);
}

const css = `
  body { max-width: 44rem; margin: 3rem auto; padding: 0 1.25rem; color: #1d2624;
    font: 1rem/1.65 system-ui, sans-serif; overflow-wrap: anywhere }
  h1 { font-size: 1.6rem; line-height: 1.25 }
  section { border-top: 1px solid #d9e0dd; padding: 1rem 0 }
  header { color: #5c6a66; font-size: .85rem }
  .user { white-space: pre-wrap }
  pre { background: #f2f5f4; padding: .75rem 1rem; border-radius: 8px; white-space: pre-wrap }
  code { font: .9em ui-monospace, monospace }
  table { border-collapse: collapse } td, th { border: 1px solid #d9e0dd; padding: .3rem .6rem }
  img { max-width: 100% }
  @media print { body { margin: 0; max-width: none } section { break-inside: avoid-page } }
`;

/** A page of its own, which prints well. `render` makes the safe markup of an answer. */
export function toHtml({ title, messages }: Exported, render: (content: string) => string): string {
  const sections = messages.map((message) => {
    const body =
      message.role === 'user'
        ? `<div class="user">${escapeHtml(message.content)}</div>`
        : `<div>${render(message.content)}</div>`;
    return `<section><header>${escapeHtml(speaker(message))} · ${moment(message)} UTC</header>${body}</section>`;
  });
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; img-src data:">
<title>${escapeHtml(title)}</title>
<style>${css}</style>
<h1>${escapeHtml(title)}</h1>
${sections.join('\n')}
</html>
`;
}

/** A name that every file system takes. */
export function fileName(title: string, extension: string): string {
  const plain = title
    .normalize('NFC')
    .replace(/[\p{Cc}\p{Cf}<>:"/\\|?*.]+/gu, ' ')
    .replace(/\s+/g, ' ')
    .trim()
    .slice(0, 80)
    .replace(/[\ud800-\udbff]$/, '')
    .trim();
  return `${plain || 'conversation'}.${extension}`;
}
