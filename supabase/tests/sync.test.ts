// The catalogue as OpenRouter sends it, whole and spoilt: what becomes a price, and what never does.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect } from 'vitest';
import { openDatabase, test, type TestDatabase } from './database.ts';

interface Listed {
  id: string;
  pricing: Record<string, string>;
}

interface Synced {
  received: number;
  added: number;
  retired: number;
  repriced: number;
  without_price: number;
  refused: string[];
}

const file = join(import.meta.dirname, 'fixtures/openrouter-models.json');
const whole = readFileSync(file, 'utf8');
const listed = (JSON.parse(whole) as { data: Listed[] }).data;

async function sync(database: TestDatabase, payload: string): Promise<Synced> {
  return database.as('service_role', async (tx) => {
    const [row] = await tx<{ result: Synced }[]>`
      select api.sync_models(${payload}::text::jsonb) as result`;
    if (!row) throw new Error('sync_models returned no row');
    return row.result;
  });
}

interface Refused {
  code: string;
  message: string;
}

async function refusalOf(work: Promise<unknown>): Promise<Refused> {
  const error = await work.then(
    () => new Error('It was let through.'),
    (thrown: unknown) => thrown,
  );
  const { code, message } = error as Refused;
  return { code, message };
}

/** The version a model is sold at now, as text so that no digit is lost. */
async function priceOf(database: TestDatabase, id: string) {
  const [price] = await database.owner<Record<string, string>[]>`
    select trim_scale(prompt_micros)::text as prompt, trim_scale(completion_micros)::text as completion,
      trim_scale(cache_read_micros)::text as "cacheRead", minimum_micros::text as minimum
    from private.price_versions
    join private.models on models.price_version_id = price_versions.id
    where models.id = ${id}`;
  return price;
}

/** Dollars for one unit as nano-dollars with a markup in percent: exact, as a decimal without a tail of zeros. */
function microsOf(usd: string, percent: bigint): string {
  const [integer = '0', fraction = ''] = usd.split('.');
  const scaled = BigInt(integer + fraction) * 10n ** 9n * (100n + percent);
  const places = fraction.length + 2;
  const digits = scaled.toString().padStart(places + 1, '0');
  const decimal = `${digits.slice(0, -places)}.${digits.slice(-places)}`;
  return decimal.replace(/\.?0+$/, '');
}

describe('the whole list', () => {
  let database: TestDatabase;
  let first: Synced;
  beforeAll(async () => {
    database = await openDatabase();
    first = await sync(database, whole);
  });
  afterAll(() => database[Symbol.asyncDispose]());

  test('is taken in one call', () => {
    expect(first).toEqual({
      received: 346,
      added: 346,
      retired: 0,
      repriced: 344,
      without_price: 2,
      refused: [],
    });
  });

  test('leaves a model priced "-1" without a price, so that nobody can call it', async () => {
    const rows = await database.owner<{ id: string; prompt_usd: null; price_version_id: null }[]>`
      select id, prompt_usd, price_version_id from private.models
      where id in ('openrouter/auto', 'openrouter/bodybuilder') order by id`;
    expect(rows).toEqual([
      { id: 'openrouter/auto', prompt_usd: null, price_version_id: null },
      { id: 'openrouter/bodybuilder', prompt_usd: null, price_version_id: null },
    ]);
    const shown = await database.as('anon', (tx) => tx`select id from api.models`);
    expect(shown).toHaveLength(344);
    expect(shown.map(({ id }) => String(id))).not.toContain('openrouter/auto');
  });

  // Credits per 1,000 tokens are thousands of micros per token.
  test.for([
    ['openai/gpt-4-turbo', '10000', '10000'],
    ['openai/gpt-4-turbo-preview', '10000', '10000'],
    ['openai/gpt-4', '20000', '60000'],
    ['openai/gpt-4-0314', '20000', '60000'],
    ['openai/gpt-3.5-turbo', '1000', '2000'],
    ['openai/gpt-3.5-turbo-16k', '1000', '2000'],
    ['anthropic/claude-opus-4.5', '15000', '75000'],
    ['anthropic/claude-sonnet-4.5', '3000', '15000'],
    ['anthropic/claude-3.7-sonnet', '3000', '15000'],
    ['anthropic/claude-haiku-4.5', '1000', '5000'],
    ['anthropic/claude-3-haiku', '1000', '5000'],
    ['minimax/minimax-m2', '500', '500'],
  ] as const)('%s has its reference rate: %s in, %s out', async ([id, prompt, completion]) => {
    expect(await priceOf(database, id)).toMatchObject({ prompt, completion, cacheRead: prompt });
  });

  test('gives everything else the upstream price and a fifth, to the last digit', async () => {
    const fixed =
      /^(openai\/gpt-4-turbo.*|openai\/gpt-4(-0.*)?|openai\/gpt-3\.5-turbo.*|anthropic\/claude.*(opus|sonnet|haiku).*|minimax\/.*)$/;
    const expected = listed
      .filter(({ id, pricing }) => !pricing['prompt']?.startsWith('-') && !fixed.test(id))
      .map(({ id, pricing }) => {
        const percent = id.endsWith(':free') ? 0n : 20n;
        return [
          id,
          microsOf(pricing['prompt'] ?? '', percent),
          microsOf(pricing['completion'] ?? '', percent),
        ].join(' ');
      });
    const rows = await database.owner<{ line: string }[]>`
      select concat_ws(' ', models.id, trim_scale(prompt_micros), trim_scale(completion_micros)) as line
      from private.models join private.price_versions on price_versions.id = models.price_version_id`;
    const sold = new Set(rows.map(({ line }) => line));
    expect(expected.length).toBeGreaterThan(300);
    expect(expected.filter((line) => !sold.has(line))).toEqual([]);
  });

  test('changes nothing when it comes again', async () => {
    const versions = () => database.owner`select count(*) from private.price_versions`;
    const before = await versions();
    const again = await sync(database, whole);
    expect(again).toMatchObject({ received: 346, added: 0, retired: 0, repriced: 0 });
    expect(await versions()).toEqual(before);
  });
});

describe('an odd entry', () => {
  const price = (prompt: unknown, completion: unknown = '0.000002') => ({
    pricing: { prompt, completion },
  });
  // What a model lists, and whether it may be called for it.
  const priced: [string, object, 'sold' | 'not sold'][] = [
    ['a plain price', price('0.000001'), 'sold'],
    ['a number instead of a text', price(0.000001, 0.000002), 'sold'],
    ['nothing to pay', price('0', '0'), 'sold'],
    ['ten dollars a token', price('10', '10'), 'sold'],
    ['a price of -1', price('-1', '-1'), 'not sold'],
    ['one negative side', price('0.000001', '-0.000001'), 'not sold'],
    ['a negative number', price(-1, -1), 'not sold'],
    ['minus nothing', price('-0'), 'not sold'],
    ['NaN', price('NaN'), 'not sold'],
    ['infinity', price('Infinity', 'Infinity'), 'not sold'],
    ['1e308', price('1e308'), 'not sold'],
    ['1e308 as a number', price(1e308), 'not sold'],
    ['an exponent', price('1e-6'), 'not sold'],
    ['more than ten dollars', price('10.01'), 'not sold'],
    ['more digits than there are', price('9'.repeat(50)), 'not sold'],
    ['a leading space', price(' 0.000001'), 'not sold'],
    ['a trailing newline', price('0.000001\n'), 'not sold'],
    ['a comma', price('0,000001'), 'not sold'],
    ['a sign', price('+0.000001'), 'not sold'],
    ['a currency', price('$0.000001'), 'not sold'],
    ['hexadecimal', price('0x1'), 'not sold'],
    ['digits of another script', price('٠.٠٠١'), 'not sold'],
    ['an empty text', price(''), 'not sold'],
    ['null', price(null), 'not sold'],
    ['true', price(true), 'not sold'],
    ['a list', price(['0.000001']), 'not sold'],
    ['an object', price({ usd: '0.000001' }), 'not sold'],
    ['a text of 1 MB', price('0'.repeat(1_000_000)), 'not sold'],
    ['no price for the answer', { pricing: { prompt: '0.000001' } }, 'not sold'],
    ['no price for the prompt', { pricing: { completion: '0.000001' } }, 'not sold'],
    ['an odd price for images', { pricing: { ...price('0.1').pricing, image: '-1' } }, 'not sold'],
    ['an unheard-of odd price', { pricing: { ...price('0.1').pricing, moon: 'NaN' } }, 'not sold'],
    ['no pricing', {}, 'not sold'],
    ['pricing that is null', { pricing: null }, 'not sold'],
    ['pricing that is a list', { pricing: [] }, 'not sold'],
    ['pricing that is a text', { pricing: '0.000001' }, 'not sold'],
    ['empty pricing', { pricing: {} }, 'not sold'],
  ];
  const sound = { context_length: 4096, ...price('0.000001') };
  // What cannot be read at all: no row, and its name among the refused.
  const unreadable: [string, unknown][] = [
    ['null', null],
    ['a text', 'acme/small'],
    ['a number', 7],
    ['a list', [sound]],
    ['no id', { ...sound }],
    ['an id that is null', { ...sound, id: null }],
    ['an id that is a number', { ...sound, id: 7 }],
    ['an id without a provider', { ...sound, id: 'small' }],
    ['an id with spaces', { ...sound, id: 'acme/ small' }],
    ['an id in capitals', { ...sound, id: 'ACME/SMALL' }],
    ['an id that is ours', { ...sound, id: 'oneai/auto' }],
    ['an id with a quote', { ...sound, id: "acme/small'; drop table models" }],
    ['an id of 1 MB', { ...sound, id: `acme/${'a'.repeat(1_000_000)}` }],
    ['no context', { ...price('0.1'), id: 'acme/no-context' }],
    ['a context of nothing', { ...sound, id: 'acme/zero', context_length: 0 }],
    ['a negative context', { ...sound, id: 'acme/negative', context_length: -1 }],
    ['a broken context', { ...sound, id: 'acme/fraction', context_length: 4096.5 }],
    ['a context past 32 bits', { ...sound, id: 'acme/huge', context_length: 2 ** 53 }],
    ['a context in words', { ...sound, id: 'acme/words', context_length: 'many' }],
  ];
  const idOf = (name: string) => `odd/${name.toLowerCase().replace(/[^a-z0-9]+/g, '-')}`;

  let database: TestDatabase;
  let synced: Synced;
  beforeAll(async () => {
    database = await openDatabase();
    const data = priced.map(([name, one]) => ({ id: idOf(name), context_length: 4096, ...one }));
    synced = await sync(database, JSON.stringify({ data }));
  });
  afterAll(() => database[Symbol.asyncDispose]());

  test.for(priced)('with %s is %o', async ([name, , fate]) => {
    const [row] = await database.owner<{ priced: boolean; versions: number }[]>`
      select models.price_version_id is not null as priced,
        (select count(*)::int from private.price_versions where model_id = models.id) as versions
      from private.models where id = ${idOf(name)}`;
    const expected =
      fate === 'sold' ? { priced: true, versions: 1 } : { priced: false, versions: 0 };
    expect(row).toEqual(expected);
  });

  test('does not keep the others out', () => {
    const without = priced.filter(([, , fate]) => fate === 'not sold').length;
    expect(synced).toMatchObject({ received: priced.length, without_price: without, refused: [] });
  });

  test.for(unreadable)('with %s is left out, the rest is taken', async ([, odd]) => {
    const good = { ...sound, id: 'acme/good' };
    const before = await database.owner`select id from private.models where id <> 'acme/good'`;
    const result = await sync(database, JSON.stringify({ data: [odd, good] }));
    expect(result).toMatchObject({ received: 1 });
    expect(result.refused).toHaveLength(1);
    expect(result.refused[0]?.length).toBeLessThanOrEqual(200);
    const after = await database.owner`select id from private.models where id <> 'acme/good'`;
    expect(after.length).toBe(before.length);
  });

  test('listed twice counts once, the first time', async () => {
    const twice = [
      { ...sound, id: 'acme/twice', ...price('0.000001') },
      { ...sound, id: 'acme/twice', ...price('0.000009') },
    ];
    expect(await sync(database, JSON.stringify({ data: twice }))).toMatchObject({ received: 1 });
    expect(await priceOf(database, 'acme/twice')).toMatchObject({ prompt: '1200' });
  });

  test('with wrong types beside a sound price keeps the price and drops the rest', async () => {
    const wild = {
      ...sound,
      id: 'acme/wild',
      name: { first: 'Wild' },
      description: 'd'.repeat(1_000_000),
      created: 'yesterday',
      architecture: 'text->text',
      supported_parameters: ['tools', null, 7, 'WITH SPACE', 'x'.repeat(1000)],
      top_provider: { max_completion_tokens: -5 },
    };
    await sync(database, JSON.stringify({ data: [wild] }));
    const [row] = await database.owner`
      select char_length(description) as described, listed_at, input_modalities, parameters, max_output_tokens
      from private.models where id = 'acme/wild'`;
    expect(row).toEqual({
      described: 4000,
      listed_at: null,
      input_modalities: [],
      parameters: ['tools', '7'],
      max_output_tokens: 4096,
    });
  });
});

describe('a list that cannot be one', () => {
  let database: TestDatabase;
  beforeAll(async () => {
    database = await openDatabase();
    await sync(database, whole);
  });
  afterAll(() => database[Symbol.asyncDispose]());

  test.for([
    ['null', 'null'],
    ['a list', '[]'],
    ['a text', '"data"'],
    ['an object without data', '{}'],
    ['data that is null', '{"data": null}'],
    ['data that is an object', '{"data": {}}'],
    ['no entries', '{"data": []}'],
    ['no entry that can be read', '{"data": [null, 7, {"id": "x"}]}'],
    ['1 MB of text', JSON.stringify({ data: 'x'.repeat(1_000_000) })],
  ] as const)('%s is refused and retires nothing', async ([, payload]) => {
    const refused = await refusalOf(sync(database, payload));
    expect(refused).toEqual({ code: 'PT422', message: 'invalid_input' });
    const [row] = await database.owner`
      select count(*)::int as listed from private.models where retired_at is null`;
    expect(row).toEqual({ listed: 346 });
  });

  test('SQL null is refused', async () => {
    const call = database.as('service_role', (tx) => tx`select api.sync_models(null)`);
    expect(await refusalOf(call)).toEqual({ code: 'PT422', message: 'invalid_input' });
  });

  test('less than half a list retires nothing', async () => {
    const half = JSON.stringify({ data: listed.slice(0, 172) });
    expect(await sync(database, half)).toMatchObject({ received: 172, retired: 0 });
  });

  test('half a list retires the other half, and it comes back at its own price', async () => {
    const half = JSON.stringify({ data: listed.slice(0, 173) });
    expect(await sync(database, half)).toMatchObject({ received: 173, retired: 173 });
    const [gone] = listed.slice(173).filter(({ pricing }) => !pricing['prompt']?.startsWith('-'));
    if (!gone) throw new Error('The second half has no priced model.');
    expect(await priceOf(database, gone.id)).toBeUndefined();

    expect(await sync(database, whole)).toMatchObject({ received: 346, added: 0, retired: 0 });
    expect(await priceOf(database, gone.id)).toBeDefined();
  });
});

test.for(['anon', 'authenticated'] as const)('%s may not sync', async (role, { database }) => {
  const caller = role === 'anon' ? role : { user: crypto.randomUUID() };
  const call = database.as(caller, (tx) => tx`select api.sync_models('{"data": []}')`);
  expect(await refusalOf(call)).toMatchObject({ code: '42501' });
});
