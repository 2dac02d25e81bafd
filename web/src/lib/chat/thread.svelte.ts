import {
  type AnswerRequest,
  type Conversation,
  type Message,
  getConversation,
  listMessages,
  resumeAnswer,
  selectBranch,
  startAnswer,
  stopRun,
} from '#lib/api/chat.ts';
import { type Explained, explain } from '#lib/errors.ts';
import type { Client } from '#lib/supabase.ts';
import type { AnswerEnd, AnswerStatus, OpenedRun } from './answer-events.ts';
import { noEntries, withEntries, withEntry, without } from './changed-map.ts';
import { type Failure, failureOf, failureOfEnd, restNotKept } from './failure.ts';
import { backoff, type FollowedEvent, followAnswer, Refusal } from './follow-answer.ts';
import { KnownReceipts } from './known-receipts.svelte.ts';
import { LiveAnswer } from './live-answer.svelte.ts';
import { MessageTree } from './message-tree.ts';
import { newMessage } from './new-message.ts';

/** What the page hears of a thread, to keep the rest of itself in step. */
export interface ThreadNews {
  opened(run: OpenedRun): void;
  ended(end: AnswerEnd, thread: Thread): void;
  /** A cost that was still open is known. */
  settled(): void;
  /** The message is kept by the database now, so no draft is needed any more. */
  stored(thread: Thread): void;
}

interface Ask {
  models: readonly string[];
  message: Message | null;
  answerTo: string;
}

const pageSize = 100;

/** One conversation as it is open here: its messages, the branch one reads, and the answer that comes. */
export class Thread {
  readonly id: string;
  readonly accountId: string;
  readonly isTemporary: boolean;
  readonly receipts: KnownReceipts;

  conversation = $state.raw<Conversation | null>(null);
  /** Chosen here for what is asked next; until then it goes on with the one it was with. */
  model = $state.raw<string | null>(null);
  leafId = $state.raw<string | null>(null);
  live = $state.raw<LiveAnswer | null>(null);
  /** By the message they belong to. */
  failures = $state.raw<ReadonlyMap<string, Failure>>(noEntries());
  thoughts = $state.raw<ReadonlyMap<string, number>>(noEntries());
  phase = $state.raw<'new' | 'loading' | 'ready' | 'failed'>('new');
  isComplete = $state.raw(true);
  problem = $state.raw<Explained | null>(null);

  #messages = $state.raw<ReadonlyMap<string, Message>>(noEntries());
  readonly tree = $derived(new MessageTree(this.#messages.values()));
  readonly path = $derived(this.tree.path(this.leafId));

  #client: Client;
  #news: ThreadNews;
  #following: AbortController | null = null;

  constructor(
    client: Client,
    news: ThreadNews,
    options: { id: string; accountId: string; isTemporary?: boolean; model?: string },
  ) {
    this.#client = client;
    this.#news = news;
    this.id = options.id;
    this.accountId = options.accountId;
    this.isTemporary = options.isTemporary ?? false;
    this.model = options.model ?? null;
    this.receipts = new KnownReceipts(client, options.accountId);
  }

  /** Reads the conversation, the newest messages first: the end of it is there before the rest. */
  async load(): Promise<void> {
    this.phase = this.#messages.size > 0 ? 'ready' : 'loading';
    this.problem = null;
    try {
      this.isComplete = false;
      const [conversation, newest] = await Promise.all([
        getConversation(this.#client, this.id),
        listMessages(this.#client, this.id, pageSize, null),
      ]);
      this.conversation = conversation;
      this.#keep(newest);
      this.#begin();
      let page = newest;
      while (page.length === pageSize) {
        page = await listMessages(this.#client, this.id, pageSize, page.at(-1)!);
        this.#keep(page);
      }
      this.isComplete = true;
    } catch (error) {
      this.problem = explain(error);
      if (this.#messages.size === 0) this.phase = 'failed';
    }
  }

  /** Looks for what another tab or device has done since. */
  async refresh(): Promise<void> {
    if (this.isTemporary || this.live || this.phase !== 'ready') return;
    const { leafId } = this;
    try {
      const [conversation, newest] = await Promise.all([
        getConversation(this.#client, this.id),
        listMessages(this.#client, this.id, 20, null),
      ]);
      const found = [...newest];
      let page = newest;
      // Back to what is here already: a gap would hide all that was said before it.
      while (page.length > 0 && !page.some(({ id }) => this.#messages.has(id))) {
        page = await listMessages(this.#client, this.id, pageSize, page.at(-1)!);
        found.push(...page);
      }
      // Meanwhile something else was asked, or another branch is read.
      if (this.live || this.leafId !== leafId) return;
      const isNews = found.some(({ id, status }) => this.#messages.get(id)?.status !== status);
      const leafBefore = this.conversation?.leaf_id;
      this.conversation = conversation;
      if (!isNews && conversation.leaf_id === leafBefore) return;
      this.#keep(found);
      this.#begin();
    } catch {
      // What is shown stays; the next look may succeed.
    }
  }

  #begin(): void {
    this.phase = 'ready';
    const leaf = this.conversation?.leaf_id;
    this.leafId = leaf && this.#messages.has(leaf) ? leaf : this.tree.newest();
    this.#followLeaf();
  }

  #followLeaf(): void {
    const leaf = this.leafId === null ? undefined : this.#messages.get(this.leafId);
    if (leaf?.status !== 'streaming' || !leaf.run_id || this.live) return;
    const runId = leaf.run_id;
    void this.#follow(new LiveAnswer(leaf.id), { runId, after: 0 }, (signal) =>
      resumeAnswer(runId, 0, signal),
    );
  }

  #keep(messages: readonly Message[]): void {
    // An answer that comes here is further than what the database has of it.
    const others = messages.filter(({ id }) => id !== this.live?.id);
    this.#messages = withEntries(
      this.#messages,
      others.map((message) => [message.id, message]),
    );
  }

  #change(id: string, change: Partial<Message>): void {
    const message = this.#messages.get(id);
    if (message) this.#messages = withEntry(this.#messages, id, { ...message, ...change });
  }

  #drop(id: string): void {
    this.#messages = without(this.#messages, id);
  }

  /** A new message below another: the leaf, or for an edit the one before the edited. */
  send(content: string, models: readonly string[], parentId: string | null = this.leafId): void {
    const message = newMessage(this.id, parentId, 'user', content);
    this.#keep([message]);
    this.#ask({ models, message, answerTo: message.id });
  }

  /** Another answer to the same message. */
  regenerate(answer: Message, models: readonly string[]): void {
    if (answer.parent_id === null) return;
    this.retry(answer.parent_id, models);
  }

  /** An answer to a message that has none, or that may never have arrived. */
  retry(userMessageId: string, models: readonly string[]): void {
    const message = this.#messages.get(userMessageId);
    if (!message) return;
    const unsure = this.failures.has(userMessageId) && !this.isTemporary;
    this.#ask({
      models,
      message: unsure ? message : null,
      answerTo: userMessageId,
    });
  }

  #ask({ models, message, answerTo }: Ask): void {
    if (this.live) return;
    this.#fail(answerTo, null);
    const answer = newMessage(this.id, answerTo, 'assistant');
    const request: AnswerRequest = {
      account_id: this.accountId,
      conversation_id: this.id,
      answer_id: answer.id,
      models: [...models],
      message:
        message && !this.isTemporary
          ? { id: message.id, parent_id: message.parent_id, content: message.content }
          : null,
      answer_to: message && !this.isTemporary ? null : answerTo,
      options: {},
    };
    if (this.isTemporary) {
      request.answer_to = null;
      request.temporary = {
        messages: this.tree
          .path(answerTo)
          .filter(({ content }) => content.trim() !== '')
          .map(({ role, content }) => ({ role: role as 'user' | 'assistant', content })),
      };
    }
    this.phase = 'ready';
    this.#keep([answer]);
    this.leafId = answer.id;
    void this.#follow(new LiveAnswer(answer.id), { runId: null, after: 0 }, (signal) =>
      startAnswer(request, signal),
    );
  }

  async #follow(
    live: LiveAnswer,
    from: { runId: string | null; after: number },
    open: (signal: AbortSignal) => Promise<Response>,
  ): Promise<void> {
    this.live = live;
    this.#following = new AbortController();
    const { signal } = this.#following;
    const calls = { open, resume: this.isTemporary ? null : resumeAnswer, wait: backoff };
    try {
      for await (const event of followAnswer(calls, signal, from)) this.#hear(live, event);
    } catch (error) {
      if (!signal.aborted) this.#lose(live, error);
    } finally {
      if (this.live === live) this.live = null;
    }
  }

  #hear(live: LiveAnswer, event: FollowedEvent): void {
    if (event.kind === 'waiting') {
      live.waiting = event.attempt;
      return;
    }
    live.waiting = 0;
    if (event.kind === 'run') {
      live.run = event.run;
      const { run_id, model_ids, trimmed } = event.run;
      this.#change(live.id, {
        run_id,
        ...(model_ids[0] && { model_id: model_ids[0] }),
        ...(trimmed && { trimmed_messages: trimmed.messages }),
      });
      this.#news.opened(event.run);
      this.#news.stored(this);
      if (live.isStopping) void this.stop();
    } else if (event.kind === 'anew') {
      live.forget();
    } else if (event.kind === 'delta') {
      if (event.model) live.model = event.model;
      live.add(event.number, event.content, event.reasoning);
    } else {
      this.#finish(live, event.end);
    }
  }

  #finish(live: LiveAnswer, end: AnswerEnd): void {
    live.show();
    const { receipt } = end;
    const status = storedStatus[end.status];
    this.#change(live.id, {
      content: live.content,
      reasoning: live.reasoning,
      status,
      error_code: end.error?.code ?? null,
      model_id: receipt?.model_id ?? live.model ?? this.#messages.get(live.id)?.model_id ?? null,
    });
    if (live.thoughtMs !== null) {
      this.thoughts = withEntry(this.thoughts, live.id, live.thoughtMs);
    }
    if (receipt) this.receipts.add(receipt);
    else void this.#awaitReceipt(live.id);
    if (end.status === 'lost' && this.isTemporary) this.#fail(live.id, restNotKept);
    else if (end.error) this.#fail(live.id, failureOfEnd(end.error));
    this.live = null;
    this.#news.ended(end, this);
  }

  /** The call was refused, or the connection is gone for good. */
  #lose(live: LiveAnswer, error: unknown): void {
    live.show();
    const answer = this.#messages.get(live.id);
    const failure = failureOf(error, live.run !== null);
    if (!answer) return;
    if (live.run || !answer.parent_id) {
      this.#change(live.id, { content: live.content, reasoning: live.reasoning, status: 'lost' });
      this.#fail(live.id, this.isTemporary ? restNotKept : failure);
      if (this.isTemporary) void this.#awaitReceipt(live.id);
      return;
    }
    // It was never opened: what is left is the message it would have answered.
    this.#drop(live.id);
    this.leafId = answer.parent_id;
    this.#fail(answer.parent_id, failure);
    this.live = null;
    if (!(error instanceof Refusal)) return;
    if (error.isStored) this.#news.stored(this);
    // It may have been deleted elsewhere.
    if (error.status === 404) void this.refresh();
  }

  #fail(id: string, failure: Failure | null): void {
    this.failures = failure ? withEntry(this.failures, id, failure) : without(this.failures, id);
  }

  /** Asks the worker to stop, wherever it runs; the answer then ends with what was produced. */
  async stop(): Promise<void> {
    const { live } = this;
    if (!live) return;
    live.isStopping = true;
    const runId = live.run?.run_id ?? this.#messages.get(live.id)?.run_id;
    // Before the run has an id there is nothing to name: it is stopped as soon as it has one.
    if (!runId) return;
    try {
      await stopRun(this.#client, runId);
    } catch {
      live.isStopping = false;
    }
  }

  /** Takes up an answer whose connection was given up. */
  reconnect(): void {
    const leaf = this.leafId === null ? undefined : this.#messages.get(this.leafId);
    if (!leaf?.run_id || this.live) return;
    this.#fail(leaf.id, null);
    this.#change(leaf.id, { status: 'streaming' });
    this.#followLeaf();
  }

  /** Reads another branch from here on. */
  choose(messageId: string): void {
    this.leafId = this.tree.newestLeaf(messageId);
    this.#followLeaf();
    if (this.isTemporary) return;
    // Which branch was read last is a comfort: without it the page only opens on the other one.
    selectBranch(this.#client, this.id, this.leafId).catch(() => {});
  }

  async #awaitReceipt(answerId: string): Promise<void> {
    const answer = this.#messages.get(answerId);
    if (answer && (await this.receipts.awaitOf(answer))) this.#news.settled();
  }

  /** Hangs up. The answer goes on without a viewer and is here when one comes back; a temporary one ends. */
  close(): void {
    this.#following?.abort();
    this.live = null;
  }
}

/** A call that is still being settled has ended all the same. */
const storedStatus: Record<AnswerStatus, Message['status']> = {
  complete: 'complete',
  reconciling: 'complete',
  stopped: 'stopped',
  failed: 'failed',
  lost: 'lost',
};
