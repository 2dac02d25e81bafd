import type { Overlay } from '#lib/chat/overlays.svelte.ts';
import type { ThemeChoice } from '#lib/theme.svelte.ts';

export interface Command {
  id: string;
  label: string;
  keywords?: string;
  keys?: readonly string[];
  run: () => void;
}

/** Commands in which every typed word begins some word of theirs. */
export function findCommands(commands: readonly Command[], query: string): Command[] {
  const words = query.toLowerCase().split(/\s+/).filter(Boolean);
  return commands.filter(({ label, keywords = '' }) => {
    const own = `${label} ${keywords}`.toLowerCase().split(/[\s:,]+/);
    return words.every((word) => own.some((one) => one.startsWith(word)));
  });
}

interface Acts {
  go(path: string): void;
  open(overlay: Overlay): void;
  setTheme(choice: ThemeChoice): void;
  toggleSidebar(): void;
}

/** All that can be done from anywhere, and with the conversation that is open. */
export function paletteCommands(
  { go, open, setTheme, toggleSidebar }: Acts,
  conversationId: string | undefined,
): Command[] {
  const place = (id: string, label: string, keywords: string, path: string): Command => ({
    id,
    label,
    keywords,
    run: () => go(path),
  });
  const withThis = (
    kind: 'share' | 'export' | 'move',
    label: string,
    keywords: string,
  ): Command[] =>
    conversationId === undefined
      ? []
      : [{ id: kind, label, keywords, run: () => open({ kind, conversationId }) }];
  const theme = (choice: ThemeChoice, name: string): Command => ({
    id: choice,
    label: `Theme: ${name}`,
    keywords: 'colour appearance',
    run: () => setTheme(choice),
  });
  return [
    place('new', 'New chat', 'start conversation', '/app/chat'),
    place('temporary', 'New temporary chat', 'private incognito', '/app/chat?temporary'),
    ...withThis('share', 'Share this conversation', 'link publish'),
    ...withThis('export', 'Export this conversation', 'download markdown pdf html json print'),
    ...withThis('move', 'Move this conversation to a folder', 'organise'),
    place('keys', 'API keys', 'developer secret', '/app/api/keys'),
    place('playground', 'API playground', 'try call developer', '/app/api/playground'),
    place('reference', 'API reference', 'documentation openapi developer', '/reference'),
    place('usage', 'Usage', 'credits charts receipts csv cost', '/app/usage'),
    {
      id: 'import',
      label: 'Import conversations',
      keywords: 'chatgpt claude upload',
      run: () => open({ kind: 'import' }),
    },
    theme('light', 'light'),
    theme('dark', 'dark'),
    theme('system', 'as the system'),
    { id: 'sidebar', label: 'Narrow or widen the sidebar', run: toggleSidebar },
    place('top-up', 'Top up', 'buy credits package code coupon', '/app/billing/top-up'),
    place('plans', 'Change plan', 'subscribe upgrade pricing', '/app/billing/plans'),
    place('billing', 'Billing', 'wallet plan cancel payment', '/app/billing'),
    place('invoices', 'Invoices', 'billing payments refunds tax', '/app/billing/invoices'),
    place(
      'statement',
      'Statement',
      'billing ledger export transactions credits',
      '/app/billing/statement',
    ),
    place('profile', 'Settings', 'profile name', '/app/settings'),
    {
      id: 'help',
      label: 'Keyboard shortcuts',
      keywords: 'help keys',
      run: () => open({ kind: 'help' }),
    },
  ];
}
