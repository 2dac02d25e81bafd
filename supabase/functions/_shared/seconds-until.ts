/** Whole seconds, at least one; nothing where no moment is told. */
export function secondsUntil(moment: string | null, now = Date.now()): number | null {
  const at = moment === null ? Number.NaN : Date.parse(moment);
  return Number.isNaN(at) ? null : Math.max(1, Math.ceil((at - now) / 1000));
}
