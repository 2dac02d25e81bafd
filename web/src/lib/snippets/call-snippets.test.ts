import { execFileSync } from 'node:child_process';
import { runInNewContext } from 'node:vm';
import { expect, test } from 'vitest';
import { type Call, callSnippets } from './call-snippets.ts';

const baseUrl = 'https://api.example.com/functions/v1/gateway/v1';
const hostile = 'It\'s "quoted" $HOME `id` \\ {x}\nsecond line\ttab \u2028 é 🙂';
const call: Call = {
  method: 'POST',
  path: '/chat/completions',
  body: {
    model: 'oneai/auto',
    messages: [{ role: 'user', content: hostile }],
    stop: ["'", '\n'],
    'odd-name': null,
    flag: true,
  },
};

function code(language: string, given = call, key?: string): string {
  return callSnippets(given, { baseUrl, key }).find(({ value }) => value === language)!.code;
}

test('the shell gets every character of the body as it was', () => {
  // curl itself is replaced by a function that says what it was given.
  const script = `curl() { printf '%s\\0' "$@"; }\n${code('curl')}`;
  const env = { ONEAI_API_KEY: 'sk-1', PATH: process.env['PATH'] ?? '' };
  const given = execFileSync('sh', ['-c', script], { env }).toString().split('\0').slice(0, -1);
  expect(given.slice(0, -1)).toEqual([
    `${baseUrl}/chat/completions`,
    '-H',
    'Authorization: Bearer sk-1',
    '-H',
    'Content-Type: application/json',
    '-d',
  ]);
  expect(JSON.parse(given.at(-1)!)).toEqual(call.body);
});

test('the TypeScript sends the same body', () => {
  const written = code('typescript');
  const create = written.slice(written.indexOf('create(') + 7, written.indexOf('});\nconsole') + 1);
  const body: unknown = runInNewContext(`JSON.stringify(${create})`);
  expect(JSON.parse(String(body))).toEqual(call.body);
});

test('Python has its own words for what JSON has, and the same escapes', () => {
  const written = code('python', {
    ...call,
    body: { model: 'm', flag: true, no: false, none: null },
  });
  expect(written).toContain('    flag=True,\n    no=False,\n    none=None,\n');
  expect(code('python')).toContain(JSON.stringify(hostile));
});

test('a key stands in the code only where it is given', () => {
  for (const language of ['curl', 'typescript', 'python']) {
    expect(code(language)).toContain('ONEAI_API_KEY');
    expect(code(language, call, 'sk-oneai-1')).toContain('sk-oneai-1');
    expect(code(language, call, 'sk-oneai-1')).not.toContain('ONEAI_API_KEY');
  }
});

test('what is to be installed and set before is said', () => {
  const setups = (given: Call, key?: string) =>
    callSnippets(given, { baseUrl, key }).map(({ setup }) => setup);
  const environment = "export ONEAI_API_KEY='sk-oneai-…'";
  expect(setups(call)).toEqual([
    environment,
    `npm install openai\n${environment}`,
    `pip install openai\n${environment}`,
  ]);
  expect(setups(call, 'sk-oneai-1')).toEqual(['', 'npm install openai', 'pip install openai']);
  expect(setups({ ...call, path: '/messages' }, 'sk-oneai-1').slice(1)).toEqual([
    'npm install @anthropic-ai/sdk',
    'pip install anthropic',
  ]);
});

test('a stream is read as one, and Anthropic has its own package and base', () => {
  const streamed = { ...call, body: { ...call.body, stream: true } };
  expect(code('curl', streamed)).toMatch(/^curl -N /);
  expect(code('typescript', streamed)).toContain('for await (const chunk of stream)');
  expect(code('python', streamed)).toContain('for chunk in stream:');
  const messages: Call = { method: 'POST', path: '/messages', body: { model: 'm', stream: true } };
  expect(code('typescript', messages)).toContain(
    "baseURL: 'https://api.example.com/functions/v1/gateway',",
  );
  expect(code('python', messages)).toContain('from anthropic import Anthropic');
});

test('what only reads is a call of the SDK too', () => {
  const read = (path: string) => code('typescript', { method: 'GET', path });
  expect(read('/models')).toContain('client.models.list()');
  expect(read('/models/a/b')).toContain("client.models.retrieve('a/b')");
  expect(read('/key')).toContain("client.get('/key')");
});
