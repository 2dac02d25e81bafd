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
