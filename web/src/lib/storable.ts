/** Postgres keeps no U+0000 and no half of a surrogate pair; everything else stays as it is. */
export function storable(value: string): string {
  return value.replaceAll('\0', '').toWellFormed();
}
