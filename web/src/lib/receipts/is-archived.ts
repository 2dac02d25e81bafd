const monthsKept = 13;

/** Whether receipts of that time are taken out of the running tables, which happens by whole months. */
export function isArchived(at: string, now = new Date()): boolean {
  const oldest = Date.UTC(now.getUTCFullYear(), now.getUTCMonth() - monthsKept);
  return Date.parse(at) < oldest;
}
