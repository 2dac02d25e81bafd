import { startPlanChange, startSubscription, startTopUp } from '#lib/api/billing.ts';
import { getStanding } from '#lib/chat/standing.svelte.ts';
import type { Billing } from './billing.svelte.ts';

/** The three ways to buy, each ending with fresh figures on the page and in the header. */
export function choosePrice(billing: Billing) {
  const standing = getStanding();

  function buyer(verb: string, priceId: number) {
    const accountId = billing.overview!.account_id;
    return {
      what: `${verb}:${accountId}:${priceId}`,
      request: (request_key: string) => ({ account_id: accountId, price_id: priceId, request_key }),
      onarrived: async () => {
        await Promise.all([billing.refresh(), standing.load(accountId)]);
      },
    };
  }

  return {
    topUp(priceId: number, keepsCard: boolean): Promise<void> {
      // With the card and without it are two orders.
      const verb = keepsCard ? 'top-up-with-card' : 'top-up';
      const { what, request, onarrived } = buyer(verb, priceId);
      const begin = (key: string) => startTopUp({ ...request(key), keeps_card: keepsCard });
      return billing.checkout.buy({ what, begin, onarrived });
    },
    subscribe(priceId: number): Promise<void> {
      const { what, request, onarrived } = buyer('subscribe', priceId);
      return billing.checkout.buy({
        what,
        begin: (key) => startSubscription(request(key)),
        onarrived,
      });
    },
    /** In place there is nothing to pay in a window; otherwise the new plan is agreed to in one. */
    change(priceId: number): Promise<void> {
      const { what, request, onarrived } = buyer('change', priceId);
      return billing.checkout.buy({
        what,
        begin: async (key) => (await startPlanChange(request(key))).checkout ?? null,
        onarrived,
      });
    },
  };
}
