// A fetch that keeps every request and answer, to hold them against the document that we serve.
import { Ajv2020 } from 'ajv/dist/2020.js';
import { afterAll, expect } from 'vitest';
import { openApi } from '../../functions/gateway/openapi.ts';

interface Exchange {
  method: string;
  path: string;
  requestBody: string | null;
  status: number;
  contentType: string;
  text: Promise<string>;
}

const exchanges: Exchange[] = [];

export const recordingFetch: typeof fetch = async (input, init) => {
  const request = new Request(input, init);
  const requestBody = typeof init?.body === 'string' ? init.body : null;
  const response = await fetch(input, init);
  const { pathname } = new URL(request.url);
  const copy = response.clone();
  exchanges.push({
    method: request.method.toLowerCase(),
    path: pathname.replace(/^.*\/gateway\/v1/, ''),
    requestBody,
    status: response.status,
    contentType: response.headers.get('content-type')?.split(';')[0] ?? '',
    // An answer that was broken off is no answer.
    text: copy.text().catch(() => ''),
  });
  return response;
};

const ajv = new Ajv2020({ strict: false, allErrors: false });
ajv.addSchema(openApi, 'api');
const pathOf = (path: string) => (path.startsWith('/models/') ? '/models/{id}' : path);
const pointer = (...parts: string[]) =>
  `api#/${parts.map((part) => part.replaceAll('~', '~0').replaceAll('/', '~1')).join('/')}`;

function complaint(ref: string, value: unknown): string | null {
  const validate = ajv.getSchema(ref);
  if (!validate) return `${ref} is not in the document`;
  return validate(value) ? null : `${ref}: ${ajv.errorsText(validate.errors)}`;
}

async function complaintsAbout(exchange: Exchange): Promise<string[]> {
  const { method, path, requestBody, status, contentType } = exchange;
  const operation = ['paths', pathOf(path), method];
  const content = (kind: string[]) => pointer(...operation, ...kind, 'schema');
  const complaints: (string | null)[] = [];
  if (requestBody !== null && status < 400) {
    const kind = ['requestBody', 'content', 'application/json'];
    complaints.push(complaint(content(kind), JSON.parse(requestBody)));
  }
  const text = await exchange.text;
  const documented = (openApi.paths as Record<string, Record<string, { responses: object }>>)[
    pathOf(path)
  ]?.[method]?.responses;
  const answer = documented && String(status) in documented ? String(status) : 'default';
  const kind = ['responses', answer, 'content', contentType];
  if (contentType === 'text/event-stream') {
    for (const data of text.matchAll(/^data: (.*)$/gm)) {
      if (data[1] === '[DONE]') continue;
      const complained = complaint(content(kind), JSON.parse(data[1]!));
      if (complained) complaints.push(complained);
    }
  } else if (text !== '') complaints.push(complaint(content(kind), JSON.parse(text)));
  return complaints
    .filter((one) => one !== null)
    .map((one) => `${method} ${path} ${status}: ${one}`);
}

/** The same fetch, which counts what was sent. */
export function countingFetch() {
  const counted = {
    calls: 0,
    fetch: ((...request) => {
      counted.calls += 1;
      return recordingFetch(...request);
    }) as typeof fetch,
  };
  return counted;
}

/** Called once in a file: when its tests are over, everything they said must be in the document. */
export function holdAgainstDocument(): void {
  afterAll(async () => {
    const all = await Promise.all(exchanges.map(complaintsAbout));
    expect(exchanges.length).toBeGreaterThan(0);
    expect([...new Set(all.flat())]).toEqual([]);
  });
}
