import { expect, test } from 'vitest';
import { fileName, toHtml, toMarkdown, toText } from './export-text.ts';

const exported = {
  title: 'Tea & <time>',
  messages: [
    {
      role: 'user' as const,
      content: 'How <b>long</b>?',
      model_id: null,
      created_at: '2026-11-21T03:04:05Z',
    },
    {
      role: 'assistant' as const,
      content: '**Three** minutes.\n',
      model_id: 'acme/small',
      created_at: '2026-11-21T03:05:00Z',
    },
  ],
};

test('Markdown names who speaks and keeps the text as it is', () => {
  expect(toMarkdown(exported)).toBe(
    '# Tea & <time>\n\n## You\n\n*2026-11-21 03:04 UTC*\n\nHow <b>long</b>?\n\n' +
      '## acme/small\n\n*2026-11-21 03:05 UTC*\n\n**Three** minutes.\n',
  );
});

test('code that was cut off does not take in what is said after it', () => {
  const after = (content: string) => {
    const [first, second] = exported.messages;
    const said = toMarkdown({ ...exported, messages: [{ ...second!, content }, first!] });
    return said.slice(said.indexOf('UTC*') + 6, said.indexOf('## You'));
  };
  expect(after('Look:\n````js\n```\nlet a')).toBe('Look:\n````js\n```\nlet a\n````\n\n');
  expect(after('~~~\r\nx\r\n~~~ no')).toBe('~~~\r\nx\r\n~~~ no\n~~~\n\n');
  for (const whole of ['```\na\n```', '```a```', '~~~\n```\n~~~~', 'a ``` b'])
    expect(after(whole)).toBe(`${whole}\n\n`);
});

test('text has rules between the turns', () => {
  expect(toText(exported)).toContain('Tea & <time>\n============\n\nYou (2026-11-21 03:04 UTC)');
  expect(toText(exported)).toContain('\n---\n\nacme/small');
});

test('a page escapes what people wrote and lets nothing run', () => {
  const html = toHtml(exported, (content) => `<p>${content.trim()}</p>`);
  expect(html).toContain('<title>Tea &amp; &lt;time&gt;</title>');
  expect(html).toContain('How &lt;b&gt;long&lt;/b&gt;?');
  expect(html).toContain("default-src 'none'");
  expect(html).toContain('<p>**Three** minutes.</p>');
});

test('a file name has nothing in it that a file system or a shell trips over', () => {
  expect(fileName('../../etc/passwd', 'md')).toBe('etc passwd.md');
  expect(fileName('a:b?"c"\u202e', 'json')).toBe('a b c.json');
  expect(fileName(' ... ', 'txt')).toBe('conversation.txt');
  expect(fileName(`${'x'.repeat(79)}🦊`, 'md')).toBe(`${'x'.repeat(79)}.md`);
  expect(fileName('x'.repeat(300), 'md')).toHaveLength(83);
});
