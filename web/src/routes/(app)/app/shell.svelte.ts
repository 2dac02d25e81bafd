import { createContext } from 'svelte';

const collapsedKey = 'sidebar-collapsed';

/** The frame around every page of the app: its sidebar, and the drawer it is on a phone. */
export class Shell {
  /** What the page shows, where that has a name of its own. */
  title = $state<string | null>(null);
  drawerOpen = $state(false);
  collapsed = $state(localStorage.getItem(collapsedKey) === 'true');

  toggle(): void {
    this.collapsed = !this.collapsed;
    localStorage.setItem(collapsedKey, String(this.collapsed));
  }
}

export const [getShell, setShell] = createContext<Shell>();
