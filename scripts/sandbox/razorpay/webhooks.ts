/** Signed events and their way to the receiver: retried, doubled, late, out of order or lost, as asked. */
import { createHmac } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { newId } from './world.ts';

export interface Event {
  id: string;
  event: string;
  body: string;
  signature: string;
  /** The status of each delivery; 0 is no answer. */
  deliveries: number[];
}

export interface Delivery {
  /** `hold` keeps events until they are asked for. */
  mode: 'send' | 'hold';
  /** How often each event is delivered. */
  copies: number;
  delayMs: number;
  /** Types that are lost on their way. */
  lost: string[];
  /** The next few are delivered in reverse. */
  reverse: boolean;
  retries: number;
  retryMs: number;
}

export interface Courier {
  emit(event: string, contains: string[], payload: Record<string, object>, at: number): void;
  events(): Event[];
  /** Delivers one event now and says with which status it was answered. */
  deliver(event: Event): Promise<number>;
  behave(wish: Partial<Delivery>): void;
  behaviour(): Delivery;
  /** Resolves when nothing is under way. */
  idle(): Promise<void>;
  clear(): void;
  stop(): void;
}

export interface Target {
  url: string;
  secret: string;
}

const defaults: Delivery = {
  mode: 'send',
  copies: 1,
  delayMs: 0,
  lost: [],
  reverse: false,
  retries: 6,
  retryMs: 1_000,
};
const gatherMs = 30;
const answerMs = 5_000;
const merchant = 'acc_SandboxOneAI01';

export function createCourier(target: Target | undefined, log: (line: string) => void): Courier {
  const all: Event[] = [];
  const waiting: Event[] = [];
  const underWay = new Set<Promise<void>>();
  const stopped = new AbortController();
  let delivery = { ...defaults };
  let sending: Promise<void> | undefined;

  async function deliver(event: Event): Promise<number> {
    if (!target) return 0;
    const status = await fetch(target.url, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        'x-razorpay-signature': event.signature,
        'x-razorpay-event-id': event.id,
      },
      body: event.body,
      signal: AbortSignal.any([stopped.signal, AbortSignal.timeout(answerMs)]),
    }).then(
      async (response) => {
        await response.body?.cancel();
        return response.status;
      },
      () => 0,
    );
    event.deliveries.push(status);
    log(`webhook ${event.event} ${event.id} ${status}`);
    return status;
  }

  async function persist(event: Event): Promise<void> {
    for (let tried = 0; tried <= delivery.retries && !stopped.signal.aborted; tried += 1) {
      const status = await deliver(event);
      if (status >= 200 && status < 300) return;
      await sleep(delivery.retryMs * 2 ** tried, undefined, { signal: stopped.signal }).catch(
        () => {},
      );
    }
  }

  const track = (work: Promise<void>) => {
    underWay.add(work);
    void work.finally(() => underWay.delete(work));
  };

  /** Events of one moment leave together, so that their order can be turned around. */
  async function send(): Promise<void> {
    await sleep(gatherMs + delivery.delayMs, undefined, { signal: stopped.signal });
    const batch = waiting.splice(0);
    if (delivery.reverse) batch.reverse();
    for (const event of batch) {
      if (delivery.lost.includes(event.event)) continue;
      for (let copy = 0; copy < delivery.copies; copy += 1) track(persist(event));
    }
  }

  const schedule = () => {
    if (sending || !target || delivery.mode === 'hold' || waiting.length === 0) return;
    sending = send()
      .catch(() => {})
      .finally(() => {
        sending = undefined;
        schedule();
      });
  };

  return {
    emit(event, contains, payload, at) {
      const entities = Object.fromEntries(
        Object.entries(payload).map(([name, entity]) => [name, { entity }]),
      );
      const body = JSON.stringify({
        entity: 'event',
        account_id: merchant,
        event,
        contains,
        payload: entities,
        created_at: at,
      });
      const made = {
        id: newId('evt'),
        event,
        body,
        signature: createHmac('sha256', target?.secret ?? '')
          .update(body)
          .digest('hex'),
        deliveries: [],
      };
      all.push(made);
      waiting.push(made);
      schedule();
    },
    events: () => all,
    deliver,
    behave(wish) {
      delivery = { ...delivery, ...wish };
      schedule();
    },
    behaviour: () => delivery,
    async idle() {
      while (sending || underWay.size > 0) await Promise.all([sending, ...underWay]);
    },
    clear() {
      all.length = 0;
      waiting.length = 0;
      delivery = { ...defaults };
    },
    stop: () => stopped.abort(),
  };
}
