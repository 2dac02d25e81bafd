import { createHmac } from 'node:crypto';
import { createClient } from '@supabase/supabase-js';
import postgres, { type Sql } from 'postgres';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Stack, startStack } from './stack.ts';

let stack: Stack;
let sql: Sql;
let grantsAtFirst: unknown;

beforeAll(async () => {
  stack = await startStack();
  sql = postgres(stack.databaseUrl, { max: 1, onnotice: () => {} });
  await sql.unsafe(`
    set role postgres;
    create table private.probe_parents (
      id bigint primary key,
      owner uuid,
      seen_at timestamptz not null default '2026-11-20 23:33:54.45+00',
      period tstzrange not null default '[2026-01-01 00:00:00+00,2026-02-01 00:00:00+00)',
      price numeric(20, 4) not null default 12.5
    );
    create table private.probe_children (
      id bigint primary key,
      parent_id bigint not null references private.probe_parents (id),
      seen_at timestamptz not null default '2026-11-20 23:33:54.45+00'
    );
    alter table private.probe_parents enable row level security;
    alter table private.probe_children enable row level security;
    create policy "everybody reads" on private.probe_parents for select to anon using (true);
    create policy "everybody reads" on private.probe_children for select to anon using (true);
    create policy "owners read" on private.probe_parents for select to authenticated
      using (owner = (select auth.uid()));
    create view api.probe_parents with (security_invoker) as select * from private.probe_parents;
    create view api.probe_children with (security_invoker) as select * from private.probe_children;
    grant usage on schema private to anon;
    grant select on private.probe_parents, private.probe_children to anon, authenticated, service_role;
    grant select on api.probe_parents, api.probe_children to anon, authenticated, service_role;
    grant update on private.probe_parents, api.probe_parents to service_role;
    insert into private.probe_parents (id, owner) values
      (1, '11111111-1111-4111-8111-111111111111'), (9007199254740993, null);
    insert into private.probe_children (id, parent_id) values (1, 1);

    create function api.probe_echo(value jsonb, other text default 'left out') returns jsonb
      language sql immutable as $$ select jsonb_build_object('value', value, 'other', other) $$;
    create function api.probe_caller() returns jsonb language sql stable as $$
      select jsonb_build_object('uid', auth.uid(), 'role', current_user,
        'request_id', current_setting('request.headers')::jsonb ->> 'x-request-id') $$;
    create function api.probe_time() returns timestamptz language sql immutable as $$
      select timestamptz '2026-11-20 23:33:54.45+00' $$;
    create function api.probe_parents_of(first bigint) returns setof api.probe_parents
      language sql stable as $$ select * from api.probe_parents where id >= first order by id $$;
    create function api.probe_refuse() returns void language plpgsql as $$
      begin perform private.fail(402, 'insufficient_credits', 'Nothing left.', 'Top up.'); end $$;
    grant execute on function api.probe_echo, api.probe_caller, api.probe_time,
      api.probe_parents_of to anon, authenticated, service_role;
    grant execute on function api.probe_refuse to authenticated, service_role;
    reset role;
    notify pgrst, 'reload schema'`);
  grantsAtFirst = await readGrants();
});
afterAll(async () => {
  await sql.end();
  await stack.stop();
});

const readGrants = () => sql`
  select grantee, table_schema, table_name, privilege_type
  from information_schema.role_table_grants
  where grantee in ('anon', 'authenticated', 'service_role')
  order by 1, 2, 3, 4`;

const person = '11111111-1111-4111-8111-111111111111';

async function secretOfStack(): Promise<string> {
  const { readFile } = await import('node:fs/promises');
  return (JSON.parse(await readFile(`${stack.dataDir}/keys.json`, 'utf8')) as { jwtSecret: string })
    .jwtSecret;
}

async function token(claims: object = {}): Promise<string> {
  const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const exp = Math.floor(Date.now() / 1000) + 600;
  const payload = { sub: person, role: 'authenticated', aud: 'authenticated', exp, ...claims };
  const text = `${encode({ alg: 'HS256', typ: 'JWT' })}.${encode(payload)}`;
  return `${text}.${createHmac('sha256', await secretOfStack())
    .update(text)
    .digest('base64url')}`;
}

function ask(path: string, init: RequestInit & { key?: string; bearer?: string } = {}) {
  const { key = stack.publishableKey, bearer, headers, ...rest } = init;
  return fetch(`${stack.url}/rest/v1${path}`, {
    ...rest,
    headers: {
      ...(key ? { apikey: key } : {}),
      ...(bearer ? { authorization: `Bearer ${bearer}` } : {}),
      ...(headers as Record<string, string>),
    },
  });
}

const call = (name: string, body: object = {}, init: Parameters<typeof ask>[1] = {}) =>
  ask(`/rpc/${name}`, {
    method: 'POST',
    body: JSON.stringify(body),
    ...init,
    headers: { 'content-type': 'application/json', ...(init.headers as object) },
  });

test('timestamps are written as PostgREST writes them, embedded ones and those of functions too', async () => {
  const seen_at = '2026-11-20T23:33:54.45+00:00';
  const rows = (await (
    await ask('/probe_children?select=seen_at,probe_parents(seen_at,period)')
  ).json()) as unknown[];
  const period = '["2026-01-01 00:00:00+00","2026-02-01 00:00:00+00")';
  expect(rows).toEqual([{ seen_at, probe_parents: { seen_at, period } }]);
  expect(await (await call('probe_time')).json()).toBe(seen_at);
  expect(await (await call('probe_parents_of', { first: 2 })).json()).toMatchObject([{ seen_at }]);
});

test('large integers and decimals lose no digit', async () => {
  const table = await (await ask('/probe_parents?select=id,price&order=id.desc&limit=1')).text();
  expect(table).toBe('[{"id":9007199254740993,"price":12.5000}]');
  const called = await (await call('probe_parents_of', { first: 2 })).text();
  expect(called).toContain('"id":9007199254740993');
  expect(called).toContain('"price":12.5000');
});

test.each([{ a: [1, 'two', null] }, [1, 2], 'text', 7, true])(
  'a JSON argument arrives as it was sent: %j',
  async (value) => {
    const answer = await (await call('probe_echo', { value })).json();
    expect(answer).toEqual({ value, other: 'left out' });
  },
);

test('SQL sees the caller and the id of the request', async () => {
  const headers = { 'x-request-id': 'a-request-of-mine' };
  const request_id = 'a-request-of-mine';
  const asNobody = await call('probe_caller', {}, { headers });
  expect(asNobody.headers.get('x-request-id')).toBe(request_id);
  expect(await asNobody.json()).toEqual({ uid: null, role: 'anon', request_id });
  const asPerson = await call('probe_caller', {}, { headers, bearer: await token() });
  expect(await asPerson.json()).toEqual({ uid: person, role: 'authenticated', request_id });
  const asService = await call('probe_caller', {}, { headers, key: stack.secretKey });
  expect(await asService.json()).toEqual({ uid: null, role: 'service_role', request_id });
});

test('rows are those that the policies show', async () => {
  const rows = await (await ask('/probe_parents?select=id', { bearer: await token() })).json();
  expect(rows).toEqual([{ id: 1 }]);
});

test('a refusal of the database keeps its status, code, detail and hint', async () => {
  const response = await call('probe_refuse', {}, { bearer: await token() });
  expect(response.status).toBe(402);
  expect(await response.json()).toEqual({
    code: 'PT402',
    message: 'insufficient_credits',
    details: 'Nothing left.',
    hint: 'Top up.',
  });
});

test('a request that fails keeps nothing of what it wrote', async () => {
  const response = await ask('/probe_parents?select=id', {
    method: 'PATCH',
    key: stack.secretKey,
    body: JSON.stringify({ owner: null }),
    headers: {
      'content-type': 'application/json',
      prefer: 'return=representation',
      accept: 'application/vnd.pgrst.object+json',
    },
  });
  expect(response.status).toBe(406);
  const [row] = await sql`select owner from private.probe_parents where id = 1`;
  expect(row?.['owner']).toBe(person);
});

test('supabase-js takes one row where one is asked for', async () => {
  const client = createClient(stack.url, stack.publishableKey, { db: { schema: 'api' } });
  const one = await client.rpc('probe_parents_of', { first: 2 }).single();
  expect(one.data).toMatchObject({ owner: null });
  const two = await client.rpc('probe_parents_of', { first: 1 }).single();
  expect(two.error).toMatchObject({ code: 'PGRST116' });
  const filtered = await client.rpc('probe_parents_of', { first: 1 }).eq('id', 1).select('id');
  expect(filtered.data).toEqual([{ id: 1 }]);
});

test.each(['private', 'auth', 'public', 'extensions'])(
  'the schema %s is not exposed',
  async (name) => {
    for (const headers of [{ 'accept-profile': name }, { 'content-profile': name }]) {
      const response = await ask('/probe_parents', {
        headers: headers as Record<string, string>,
        method: 'accept-profile' in headers ? 'GET' : 'POST',
        ...('accept-profile' in headers ? {} : { body: '{}' }),
      });
      expect(response.status).toBe(406);
      expect(await response.json()).toMatchObject({ code: 'PGRST106' });
    }
  },
);

test('a table that is not there and one of another schema are not told apart', async () => {
  for (const name of ['nothing', 'probe_nothing', 'users']) {
    const response = await ask(`/${name}`);
    expect(response.status).toBe(404);
    expect(await response.json()).toMatchObject({ code: 'PGRST205' });
  }
});

test('a call without a key, or with a wrong one, is refused', async () => {
  expect((await ask('/probe_parents', { key: '' })).status).toBe(401);
  expect((await ask('/probe_parents', { key: 'sb_publishable_wrong' })).status).toBe(401);
  expect((await call('probe_caller', {}, { key: '' })).status).toBe(401);
  expect((await ask('/probe_parents', { key: '', bearer: stack.secretKey })).status).toBe(401);
});

test('a secret key counts for nothing in a browser', async () => {
  const headers = { 'user-agent': 'Mozilla/5.0 (X11; Linux x86_64)' };
  expect((await call('probe_caller', {}, { key: stack.secretKey, headers })).status).toBe(401);
});

test('a bad token is refused with a stable code, for tables and for functions', async () => {
  const good = await token();
  const unsigned = `${Buffer.from('{"alg":"none"}').toString('base64url')}.${good.split('.')[1]}.`;
  const cases: [string, string][] = [
    [`${good}x`, 'PGRST301'],
    [unsigned, 'PGRST301'],
    ['garbage', 'PGRST301'],
    [await token({ exp: 1 }), 'PGRST303'],
  ];
  for (const [bearer, code] of cases) {
    for (const response of [
      await ask('/probe_parents', { bearer }),
      await call('probe_caller', {}, { bearer }),
    ]) {
      expect(response.status).toBe(401);
      expect(await response.json()).toMatchObject({ code });
    }
  }
});

test('a token cannot name a role beyond the three', async () => {
  const bearer = await token({ role: 'supabase_admin' });
  for (const response of [
    await ask('/probe_parents', { bearer }),
    await call('probe_caller', {}, { bearer }),
  ]) {
    expect(response.status).toBe(403);
    expect(await response.json()).toMatchObject({ code: '42501' });
  }
});

test('serving requests grants nothing', async () => {
  await ask('/probe_parents');
  expect(await readGrants()).toEqual(grantsAtFirst);
});

test('a browser of any origin may ask first', async () => {
  const response = await ask('/probe_parents', {
    method: 'OPTIONS',
    key: '',
    headers: {
      origin: 'https://a.example',
      'access-control-request-headers': 'apikey, x-request-id',
    },
  });
  expect(response.status).toBe(204);
  expect(response.headers.get('access-control-allow-origin')).toBe('*');
  expect(response.headers.get('access-control-allow-headers')).toContain('x-request-id');
});

test('files go to Storage and come back, under its policies', async () => {
  const service = createClient(stack.url, stack.secretKey).storage;
  expect((await service.createBucket('probe', { public: false })).error).toBeNull();
  const bytes = new Blob([new Uint8Array(300_000).fill(7)], { type: 'image/png' });
  expect((await service.from('probe').upload('a/b.png', bytes)).error).toBeNull();
  const { data } = await service.from('probe').download('a/b.png');
  expect(data?.size).toBe(300_000);
  expect(data?.type).toBe('image/png');

  const stranger = createClient(stack.url, stack.publishableKey).storage.from('probe');
  expect((await stranger.download('a/b.png')).error).not.toBeNull();
  expect((await stranger.upload('a/c.png', bytes)).error).not.toBeNull();
  const { data: signed } = await service.from('probe').createSignedUrl('a/b.png', 60);
  expect((await fetch(signed?.signedUrl ?? '')).status).toBe(200);
  const many = await service.from('probe').createSignedUrls(['a/b.png', 'nothing'], 60);
  expect(many.data?.map(({ error }) => error === null)).toEqual([true, false]);
  expect((await fetch(many.data?.[0]?.signedUrl ?? '')).status).toBe(200);
  const { data: upload } = await service.from('probe').createSignedUploadUrl('a/d.png');
  const sent = await stranger.uploadToSignedUrl('a/d.png', upload?.token ?? '', bytes);
  expect(sent.error).toBeNull();
  expect((await service.from('probe').download('a/d.png')).data?.size).toBe(300_000);
  expect((await service.from('probe').remove(['a/b.png'])).error).toBeNull();
  expect((await service.from('probe').download('a/b.png')).error).not.toBeNull();
});
