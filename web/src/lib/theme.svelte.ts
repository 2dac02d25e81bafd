import { createContext } from 'svelte';
import { MediaQuery } from 'svelte/reactivity';

export type ThemeChoice = 'system' | 'light' | 'dark';

const key = 'theme';

/** The stored choice; app.html applies it before the first paint, this keeps it afterwards. */
export class Theme {
  choice = $state<ThemeChoice>('system');
  readonly #system = new MediaQuery('prefers-color-scheme: dark', false);

  constructor() {
    const stored = globalThis.document?.documentElement.dataset['theme'];
    if (stored === 'light' || stored === 'dark') this.choice = stored;
  }

  /** For what cannot follow the tokens by itself, such as a picture. */
  get isDark(): boolean {
    return this.choice === 'system' ? this.#system.current : this.choice === 'dark';
  }

  set(choice: ThemeChoice): void {
    this.choice = choice;
    if (choice === 'system') {
      delete document.documentElement.dataset['theme'];
    } else {
      document.documentElement.dataset['theme'] = choice;
    }
    for (const meta of document.querySelectorAll<HTMLMetaElement>('meta[data-theme]')) {
      const theme = meta.dataset['theme'];
      if (choice === 'system') meta.media = `(prefers-color-scheme: ${theme})`;
      else meta.media = theme === choice ? 'all' : 'not all';
    }
    try {
      if (choice === 'system') localStorage.removeItem(key);
      else localStorage.setItem(key, choice);
    } catch {
      // Storage may be switched off; the choice then lasts as long as the page.
    }
  }
}

export const [getTheme, setTheme] = createContext<Theme>();
