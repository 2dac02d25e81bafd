import type { ImportResult } from '#lib/api/imports.ts';
import { storable } from '#lib/storable.ts';
import type { ImportedConversation } from './imported.ts';

const mostAtOnce = 50;
/** Under what the database takes, with room for how it writes JSON. */
const mostBytes = 4 * 1024 * 1024;

export interface BatchResult {
  imported: number;
  duplicates: number;
  rejected: { title: string; reason: string }[];
}

/** Of a text and its JSON: what cannot be kept is written as an escape there, and rarely is any. */
function storableConversation(conversation: ImportedConversation, json: string) {
  if (!/\\u(?:0000|d[89a-f])/.test(json)) return conversation;
  return JSON.parse(json, (name, value: unknown) => {
    if (name !== storable(name)) return undefined;
    return typeof value === 'string' ? storable(value) : value;
  }) as ImportedConversation;
}

/** Cut where the next conversation would make a part too large. */
export function batches(
  conversations: readonly ImportedConversation[],
): { items: ImportedConversation[]; tooLarge: ImportedConversation[] }[] {
  const parts: { items: ImportedConversation[]; tooLarge: ImportedConversation[] }[] = [];
  let part = { items: [] as ImportedConversation[], tooLarge: [] as ImportedConversation[] };
  let bytes = 0;
  for (const given of conversations) {
    const json = JSON.stringify(given);
    const size = new TextEncoder().encode(json).length;
    const conversation = storableConversation(given, json);
    if (size > mostBytes) {
      part.tooLarge.push(conversation);
      continue;
    }
    if (part.items.length === mostAtOnce || bytes + size > mostBytes) {
      parts.push(part);
      part = { items: [], tooLarge: [] };
      bytes = 0;
    }
    part.items.push(conversation);
    bytes += size;
  }
  if (part.items.length > 0 || part.tooLarge.length > 0) parts.push(part);
  return parts;
}

/**
 * Sends everything, a part at a time, and tells how far it is. A part that was sent before is only
 * counted as there already, so an import that broke off can simply be done again.
 */
export async function sendInBatches(
  conversations: readonly ImportedConversation[],
  send: (part: readonly ImportedConversation[]) => Promise<ImportResult>,
  onprogress: (share: number) => void,
): Promise<BatchResult> {
  const total: BatchResult = { imported: 0, duplicates: 0, rejected: [] };
  let done = 0;
  for (const { items, tooLarge } of batches(conversations)) {
    for (const { title } of tooLarge) {
      total.rejected.push({ title, reason: 'It is longer than 4 MB.' });
    }
    if (items.length > 0) {
      const result = await send(items);
      total.imported += result.imported;
      total.duplicates += result.duplicates;
      for (const { index, reason } of result.rejected) {
        total.rejected.push({ title: items[index]?.title ?? '', reason });
      }
    }
    done += items.length + tooLarge.length;
    onprogress(done / conversations.length);
  }
  return total;
}
