/** A request to the API, as it is written down for somebody to repeat. */
export interface Call {
  method: 'GET' | 'POST';
  /** Below the base URL; `/models/openai/gpt-4o` for one model. */
  path: string;
  body?: Record<string, unknown>;
}

export interface Snippet {
  value: 'curl' | 'typescript' | 'python';
  label: string;
  language: string;
  /** What a shell has to be told once before the code runs; empty if nothing. */
  setup: string;
  code: string;
  /** The file the code is to be saved as; without one it is pasted into a shell. */
  file: string | null;
}

interface Options {
  baseUrl: string;
  /** Written into the code; without it the code reads ONEAI_API_KEY from its environment. */
  key?: string | undefined;
}

export function callSnippets(call: Call, options: Options): Snippet[] {
  const environment = options.key ? [] : ["export ONEAI_API_KEY='sk-oneai-…'"];
  const setup = (...install: string[]) => [...install, ...environment].join('\n');
  const isAnthropic = call.path === '/messages';
  return [
    {
      value: 'curl',
      label: 'curl',
      language: 'bash',
      setup: setup(),
      code: curl(call, options),
      file: null,
    },
    {
      value: 'typescript',
      label: 'TypeScript',
      language: 'typescript',
      setup: setup(`npm install ${isAnthropic ? '@anthropic-ai/sdk' : 'openai'}`),
      code: typescript(call, options),
      // No types are written in it, and so it is JavaScript too, which every Node runs as it is.
      file: 'first-call.mjs',
    },
    {
      value: 'python',
      label: 'Python',
      language: 'python',
      setup: setup(`pip install ${isAnthropic ? 'anthropic' : 'openai'}`),
      code: python(call, options),
      file: 'first_call.py',
    },
  ];
}

/** One word for a shell, whatever is in it. */
function shellWord(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

function curl({ method, path, body }: Call, { baseUrl, key }: Options): string {
  const bearer = key
    ? shellWord(`Authorization: Bearer ${key}`)
    : '"Authorization: Bearer $ONEAI_API_KEY"';
  const lines = [
    `curl ${body?.['stream'] ? '-N ' : ''}${shellWord(baseUrl + path)}`,
    `-H ${bearer}`,
  ];
  if (method === 'POST') {
    lines.push(`-H 'Content-Type: application/json'`);
    lines.push(`-d ${shellWord(JSON.stringify(body ?? {}, null, 2))}`);
  }
  return lines.join(' \\\n  ');
}

/** JSON as TypeScript is written: names without quotes, strings in single ones. */
function literal(value: unknown, indent = ''): string {
  if (typeof value === 'string') return singleQuoted(value);
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'undefined';
  const inner = `${indent}  `;
  const isList = Array.isArray(value);
  const parts = isList
    ? value.map((one) => literal(one, inner))
    : Object.entries(value).map(([name, one]) => {
        const plain = /^[A-Za-z_$][\w$]*$/.test(name) ? name : singleQuoted(name);
        return `${plain}: ${literal(one, inner)}`;
      });
  const [open, close] = isList ? '[]' : '{}';
  if (parts.length === 0) return `${open}${close}`;
  const line = isList ? `[${parts.join(', ')}]` : `{ ${parts.join(', ')} }`;
  if (indent && line.length + indent.length <= 78 && !line.includes('\n')) return line;
  return `${open}\n${parts.map((part) => `${inner}${part},\n`).join('')}${indent}${close}`;
}

function singleQuoted(text: string): string {
  const inside = JSON.stringify(text).slice(1, -1).replaceAll('\\"', '"').replaceAll("'", "\\'");
  return `'${inside}'`;
}

/** JSON as Python is written. Its strings are ours: every escape of JSON is one of Python. */
function pythonLiteral(value: unknown, indent: string): string {
  if (value === null || value === undefined) return 'None';
  if (typeof value === 'boolean') return value ? 'True' : 'False';
  if (typeof value !== 'object') return JSON.stringify(value);
  const inner = `${indent}    `;
  const isList = Array.isArray(value);
  const parts = isList
    ? value.map((one) => pythonLiteral(one, inner))
    : Object.entries(value).map(
        ([name, one]) => `${JSON.stringify(name)}: ${pythonLiteral(one, inner)}`,
      );
  const [open, close] = isList ? '[]' : '{}';
  const line = `${open}${parts.join(', ')}${close}`;
  if (line.length + indent.length <= 78 && !line.includes('\n')) return line;
  return `${open}\n${parts.map((part) => `${inner}${part},\n`).join('')}${indent}${close}`;
}

/** How the SDKs name a call, and what of its answer one looks at first. */
interface Spoken {
  name: string;
  typescript: string;
  python: string;
}

const answers: Readonly<Record<string, Spoken>> = {
  '/chat/completions': {
    name: 'chat.completions.create',
    typescript: 'answer.choices[0]?.message.content',
    python: 'answer.choices[0].message.content',
  },
  '/responses': {
    name: 'responses.create',
    typescript: 'answer.output_text',
    python: 'answer.output_text',
  },
  '/messages': { name: 'messages.create', typescript: 'answer.content', python: 'answer.content' },
  '/embeddings': {
    name: 'embeddings.create',
    typescript: 'answer.data[0]?.embedding.length',
    python: 'len(answer.data[0].embedding)',
  },
};

const streams: Readonly<Record<string, { typescript: string[]; python: string[] }>> = {
  '/chat/completions': {
    typescript: [
      'for await (const chunk of stream) {',
      "  process.stdout.write(chunk.choices[0]?.delta.content ?? '');",
      '}',
    ],
    python: [
      'for chunk in stream:',
      '    if chunk.choices:',
      '        print(chunk.choices[0].delta.content or "", end="", flush=True)',
    ],
  },
  '/responses': {
    typescript: [
      'for await (const event of stream) {',
      "  if (event.type === 'response.output_text.delta') process.stdout.write(event.delta);",
      '}',
    ],
    python: [
      'for event in stream:',
      '    if event.type == "response.output_text.delta":',
      '        print(event.delta, end="", flush=True)',
    ],
  },
  '/messages': {
    typescript: [
      'for await (const event of stream) {',
      "  if (event.type === 'content_block_delta' && event.delta.type === 'text_delta') {",
      '    process.stdout.write(event.delta.text);',
      '  }',
      '}',
    ],
    python: [
      'for event in stream:',
      '    if event.type == "content_block_delta" and event.delta.type == "text_delta":',
      '        print(event.delta.text, end="", flush=True)',
    ],
  },
};

/** Anthropic's SDKs put the version into the path themselves. */
function sdkBase(path: string, baseUrl: string): string {
  return path === '/messages' ? baseUrl.replace(/\/v1$/, '') : baseUrl;
}

function typescript({ path, body }: Call, { baseUrl, key }: Options): string {
  const sdk = path === '/messages' ? 'Anthropic' : 'OpenAI';
  const from = path === '/messages' ? '@anthropic-ai/sdk' : 'openai';
  const spoken = answers[path];
  const isStream = body?.['stream'] === true;
  const call = spoken
    ? `${spoken.name}(${literal(body)})`
    : path === '/models'
      ? 'models.list()'
      : path.startsWith('/models/')
        ? `models.retrieve(${singleQuoted(path.slice('/models/'.length))})`
        : `get(${singleQuoted(path)})`;
  return [
    `import ${sdk} from '${from}';`,
    '',
    `const client = new ${sdk}({`,
    `  baseURL: ${singleQuoted(sdkBase(path, baseUrl))},`,
    `  apiKey: ${key ? singleQuoted(key) : "process.env['ONEAI_API_KEY']"},`,
    '});',
    '',
    `const ${isStream ? 'stream' : 'answer'} = await client.${call};`,
    ...(isStream && streams[path]
      ? streams[path].typescript
      : [`console.log(${spoken?.typescript ?? 'answer'});`]),
    '',
  ].join('\n');
}

function python({ path, body }: Call, { baseUrl, key }: Options): string {
  const sdk = path === '/messages' ? 'Anthropic' : 'OpenAI';
  const spoken = answers[path];
  const isStream = body?.['stream'] === true;
  const given = Object.entries(body ?? {}).map(
    ([name, value]) => `    ${name}=${pythonLiteral(value, '    ')},\n`,
  );
  const call = spoken
    ? `${spoken.name}(\n${given.join('')})`
    : path === '/models'
      ? 'models.list()'
      : path.startsWith('/models/')
        ? `models.retrieve(${JSON.stringify(path.slice('/models/'.length))})`
        : `get(${JSON.stringify(path)}, cast_to=object)`;
  return [
    ...(key ? [] : ['import os', '']),
    `from ${sdk.toLowerCase()} import ${sdk}`,
    '',
    `client = ${sdk}(`,
    `    base_url=${JSON.stringify(sdkBase(path, baseUrl))},`,
    `    api_key=${key ? JSON.stringify(key) : 'os.environ["ONEAI_API_KEY"]'},`,
    ')',
    '',
    `${isStream ? 'stream' : 'answer'} = client.${call}`,
    ...(isStream && streams[path]
      ? streams[path].python
      : [`print(${spoken?.python ?? 'answer'})`]),
    '',
  ].join('\n');
}
