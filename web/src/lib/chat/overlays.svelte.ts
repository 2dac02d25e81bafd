import { createContext } from 'svelte';

/** What can lie over the chat. Each is loaded when it is first opened. */
export type Overlay =
  | { kind: 'palette' }
  | { kind: 'help' }
  | { kind: 'import' }
  | { kind: 'share'; conversationId: string }
  | { kind: 'export'; conversationId: string }
  | { kind: 'move'; conversationId: string };

/** One at a time: opening another closes the first. */
export class Overlays {
  current = $state.raw<Overlay | null>(null);

  open(overlay: Overlay): void {
    this.current = overlay;
  }

  /** One that has given way to another already closes nothing. */
  close(kind: Overlay['kind']): void {
    if (this.current?.kind === kind) this.current = null;
  }
}

export const [getOverlays, setOverlays] = createContext<Overlays>();
