import type { Message } from '#lib/api/chat.ts';
import { getReceipts, type Receipt } from '#lib/api/usage.ts';
import type { Client } from '#lib/supabase.ts';
import { noEntries, withEntries, withEntry } from './changed-map.ts';

/** The receipts of a conversation's answers, read as they are wanted. */
export class KnownReceipts {
  #byRun = $state.raw<ReadonlyMap<string, Receipt>>(noEntries());
  #client: Client;
  #accountId: string;

  constructor(client: Client, accountId: string) {
    this.#client = client;
    this.#accountId = accountId;
  }

  get(runId: string): Receipt | undefined {
    return this.#byRun.get(runId);
  }

  add(receipt: Receipt): void {
    this.#byRun = withEntry(this.#byRun, receipt.run_id, receipt);
  }

  /** Those of these answers, as far as they are not known yet. */
  async load(answers: readonly Message[]): Promise<void> {
    const wanted = answers.filter(({ run_id }) => run_id && !this.#byRun.has(run_id));
    if (wanted.length === 0) return;
    const since = wanted.map(({ created_at }) => created_at).sort()[0]!;
    const ids = wanted.map(({ run_id }) => run_id!);
    const found = await getReceipts(this.#client, this.#accountId, ids, since);
    this.#byRun = withEntries(
      this.#byRun,
      found.map((receipt) => [receipt.run_id, receipt]),
    );
  }

  /** Whether it has come: the cost is being asked of the provider, for a minute or so. */
  async awaitOf(answer: Message): Promise<boolean> {
    if (!answer.run_id) return false;
    for (const afterMs of [4_000, 8_000, 15_000, 30_000]) {
      await new Promise((resolve) => setTimeout(resolve, afterMs));
      await this.load([answer]).catch(() => {});
      if (this.#byRun.has(answer.run_id)) return true;
    }
    return false;
  }
}
