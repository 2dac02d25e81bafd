const largest = 512 * 1024;

/** The mark under which a file's text stands, longer than any run of it inside. */
function fenceFor(text: string): string {
  const runs = text.match(/`{3,}/g) ?? [];
  return '`'.repeat(Math.max(3, ...runs.map((run) => run.length + 1)));
}

/** The text of a file, or nothing where its bytes are no text. */
function decode(bytes: ArrayBuffer): string | null {
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    return text.includes('\0') ? null : text;
  } catch {
    return null;
  }
}

/** Files as text that can stand in a message, each under its name; and why some cannot. */
export async function readTextFiles(
  files: readonly File[],
): Promise<{ added: string; refused: string[] }> {
  const added: string[] = [];
  const refused: string[] = [];
  for (const file of files) {
    if (file.size > largest) {
      refused.push(`${file.name} is larger than 512 kB. Paste the part that matters.`);
      continue;
    }
    // A folder is among the files like one of them, and has nothing to read.
    const bytes = await file.arrayBuffer().catch(() => null);
    if (!bytes) {
      refused.push(`${file.name} cannot be read. If it is a folder, choose the files in it.`);
      continue;
    }
    const text = decode(bytes);
    if (text === null) {
      refused.push(`${file.name} is not a text file. Only text can be added for now.`);
    } else if (text.trim() === '') {
      refused.push(`${file.name} is empty.`);
    } else {
      const fence = fenceFor(text);
      const extension = /\.(\w{1,12})$/.exec(file.name)?.[1] ?? '';
      added.push(`${file.name}\n${fence}${extension}\n${text.trimEnd()}\n${fence}\n`);
    }
  }
  return { added: added.join('\n'), refused };
}
