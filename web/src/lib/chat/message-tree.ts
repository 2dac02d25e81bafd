/** What the tree needs to know of a message. */
export interface Node {
  id: string;
  parent_id: string | null;
  role: string;
  created_at: string;
}

/** Every message by its parent, oldest first: the messages of a conversation as a tree. */
export class MessageTree<Message extends Node> {
  readonly byId: ReadonlyMap<string, Message>;
  readonly #children = new Map<string | null, Message[]>();

  constructor(messages: Iterable<Message>) {
    this.byId = new Map([...messages].map((message) => [message.id, message]));
    for (const message of this.byId.values()) {
      const siblings = this.#children.get(message.parent_id);
      if (siblings) siblings.push(message);
      else this.#children.set(message.parent_id, [message]);
    }
    for (const siblings of this.#children.values()) siblings.sort(byAge);
  }

  children(id: string | null): readonly Message[] {
    return this.#children.get(id) ?? [];
  }

  /** The other tellings of the same turn, itself among them. */
  siblings(message: Message): readonly Message[] {
    return this.children(message.parent_id).filter(({ role }) => role === message.role);
  }

  /** From the first message, or the first that is loaded, down to the leaf. */
  path(leafId: string | null): readonly Message[] {
    const path: Message[] = [];
    let message = leafId === null ? undefined : this.byId.get(leafId);
    while (message && path.length <= this.byId.size) {
      path.push(message);
      message = message.parent_id === null ? undefined : this.byId.get(message.parent_id);
    }
    return path.reverse();
  }

  /** The end of the branch that was written last below a message. */
  newestLeaf(id: string): string {
    let leaf = id;
    for (let depth = 0; depth <= this.byId.size; depth++) {
      const newest = this.children(leaf).at(-1);
      if (!newest) break;
      leaf = newest.id;
    }
    return leaf;
  }

  /** Where to begin when the conversation names no leaf, or one that is not there. */
  newest(): string | null {
    let newest: Message | null = null;
    for (const message of this.byId.values()) {
      if (!newest || byAge(newest, message) < 0) newest = message;
    }
    return newest?.id ?? null;
  }
}

function byAge(a: Node, b: Node): number {
  return a.created_at.localeCompare(b.created_at) || a.id.localeCompare(b.id);
}
