// What came last counts, though Razorpay tells the time in whole seconds: acts of ours, acts at its
// dashboard and their events within one second, in every order, some of them twice.
import { beforeAll, describe, expect, vi } from 'vitest';
import {
  agreeTo,
  pauseSubscription,
  resumeSubscription,
} from '../../../scripts/sandbox/razorpay/subscriptions.ts';
import { openDatabase, test } from '../database.ts';
import { type Random, seededRandom } from '../money/random.ts';
import {
  type Desk,
  hushLogs,
  openDesk,
  openPeople,
  openSandbox,
  personOf,
  shuffle,
} from './stage.ts';

beforeAll(hushLogs);

const { userId, accountId } = personOf(1);
const act = (desk: Desk, wanted: string) =>
  desk.ask(userId, 'POST', '/subscription-acts', { account_id: accountId, act: wanted });
const statusOf = async (desk: Desk) => {
  const [row] = await desk.look<{ status: string }>(`select status from private.subscriptions`);
  return row!.status;
};

async function withSubscriber(
  work: (desk: Desk, sandbox: Awaited<ReturnType<typeof openSandbox>>, id: string) => Promise<void>,
) {
  await using database = await openDatabase();
  const sandbox = await openSandbox('2027-05-01T00:00:00Z');
  try {
    await openPeople(database.owner, 1);
    const desk = openDesk(database, sandbox);
    await desk.syncPrices();
    const [price] = await desk.look<{ id: string }>(
      `select id::text from private.prices where plan_id = 'pro' and currency = 'GBP' and period = 'month'`,
    );
    const { body } = await desk.ask(userId, 'POST', '/subscriptions', {
      account_id: accountId,
      price_id: Number(price!.id),
      request_key: 'in-what-order',
    });
    const id = String(body['razorpay_subscription_id']);
    agreeTo(sandbox.world, sandbox.world.subscriptions.get(id)!, {});
    for (const event of sandbox.events()) await desk.hear(event);
    expect(await statusOf(desk)).toBe('active');
    await work(desk, sandbox, id);
  } finally {
    await sandbox.stop();
  }
}

test('what was paused and resumed within a second is active at once, whatever its events say', async () => {
  await withSubscriber(async (desk, sandbox) => {
    expect((await act(desk, 'pause')).body).toEqual({ status: 'paused' });
    expect(await statusOf(desk)).toBe('paused');
    expect((await act(desk, 'resume')).body).toEqual({ status: 'active' });
    expect(await statusOf(desk)).toBe('active');
    for (const event of sandbox.events().reverse()) await desk.hear(event);
    expect(await statusOf(desk)).toBe('active');
  });
});

test('an act that Razorpay refuses shows how things are there', async () => {
  await withSubscriber(async (desk, { world }, id) => {
    pauseSubscription(world, world.subscriptions.get(id)!);
    expect(await act(desk, 'pause')).toMatchObject({
      status: 409,
      body: { error: { code: 'conflict' } },
    });
    expect(await statusOf(desk)).toBe('paused');
  });
});

test('an event from a clock that is far ahead is believed only until Razorpay is asked', async () => {
  await withSubscriber(async (desk, { world, events }, id) => {
    const subscription = world.subscriptions.get(id)!;
    world.clock.moveTo(world.clock.now() + 10 * 365 * 86_400);
    pauseSubscription(world, subscription);
    await desk.hear(events().at(-1)!);
    world.clock.moveTo(Date.parse('2027-05-01T00:01:00Z') / 1000);
    expect(await statusOf(desk)).toBe('paused');
    resumeSubscription(world, subscription);
    await desk.sweep();
    expect(await statusOf(desk)).toBe('active');
    world.clock.moveTo(world.clock.now() + 1);
    pauseSubscription(world, subscription);
    await desk.hear(events().at(-1)!);
    expect(await statusOf(desk)).toBe('paused');
  });
});

test.for([
  ['start_subscription_act', `'cancel_at_cycle_end'`],
  [
    'start_plan_change',
    `(select id from private.prices where plan_id = 'team' and currency = 'GBP' and period = 'month'), 'larger-plan'`,
  ],
] as const)(
  '%s and an answer of Razorpay’s about the subscription never wait in a circle',
  async ([verb, wish]) => {
    await withSubscriber(async (desk, { events }) => {
      const { payload } = JSON.parse(events().at(-1)!.body) as { payload: unknown };
      const busy = await desk.sql.reserve();
      const untilWaiting = (count: number) =>
        vi.waitFor(async () => {
          const [row] = await busy<{ waiting: number }[]>`
            select count(*)::int as waiting from pg_locks where not granted`;
          expect(row!.waiting).toBe(count);
        });
      await busy`begin`;
      await busy`select private.lock_account(${accountId})`;
      const claims = JSON.stringify({ sub: userId, role: 'authenticated' });
      const asked = desk.look(`
        select set_config('request.jwt.claims', '${claims}', true);
        select private.${verb}('${accountId}', ${wish})`);
      await untilWaiting(1);
      const noted = desk.look(
        `select private.note_entities('${JSON.stringify(payload)}', ${Date.parse('2027-05-01') / 1000})`,
      );
      const ends = Promise.allSettled([asked, noted]);
      await untilWaiting(2).finally(() => busy`commit`);
      busy.release();
      expect((await ends).map((end) => ('reason' in end ? String(end.reason) : 'done'))).toEqual([
        'done',
        'done',
      ]);
    });
  },
);

describe('acts, strangers and events in any order', () => {
  for (const seed of Array.from({ length: 16 }, (_, nth) => nth + 1)) {
    test(`seed ${seed}`, async () => {
      await withSubscriber(async (desk, sandbox, id) => {
        const { world } = sandbox;
        const random = seededRandom(seed);
        const subscription = world.subscriptions.get(id)!;
        // Half of the seeds have nobody at the dashboard: then even the events cannot mislead.
        const hasStranger = seed % 2 === 0;
        for (let round = 0; round < 3; round += 1) {
          world.clock.moveTo(world.clock.now() + random.int(0, 2));
          for (let step = random.int(3, 7); step > 0; step -= 1) {
            await takeStep(desk, sandbox, id, random, hasStranger);
          }
          for (const event of shuffle([...sandbox.events(), ...sandbox.events()], random)) {
            expect(await desk.hear(event)).toBe(200);
          }
          if (!hasStranger) expect(await statusOf(desk)).toBe(subscription.status);
          await desk.sweep();
          expect(await statusOf(desk)).toBe(subscription.status);
          for (const event of shuffle(sandbox.events(), random)) await desk.hear(event);
          expect(await statusOf(desk)).toBe(subscription.status);
        }
        expect(
          await desk.look(`select from private.webhook_events where state <> 'applied'`),
        ).toEqual([]);
      });
    });
  }
});

async function takeStep(
  desk: Desk,
  sandbox: Awaited<ReturnType<typeof openSandbox>>,
  id: string,
  random: Random,
  hasStranger: boolean,
) {
  const { world } = sandbox;
  const subscription = world.subscriptions.get(id)!;
  const kind = random.int(1, hasStranger ? 4 : 3);
  if (kind <= 2) {
    const wanted = (await statusOf(desk)) === 'active' ? 'pause' : 'resume';
    const { status } = await act(desk, wanted);
    expect(hasStranger ? [200, 409] : [200]).toContain(status);
    // Whatever was answered is what holds here, at once.
    expect(await statusOf(desk)).toBe(subscription.status);
  } else if (kind === 3) {
    const events = sandbox.events();
    for (let left = random.int(1, 3); left > 0; left -= 1) {
      await desk.hear(events[random.int(0, events.length - 1)]!);
    }
  } else if (subscription.status === 'active') {
    pauseSubscription(world, subscription);
  } else {
    resumeSubscription(world, subscription);
  }
}
