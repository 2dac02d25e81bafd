/** Maps as state: replaced, never changed. */
export function noEntries<Key, Value>(): ReadonlyMap<Key, Value> {
  return new Map();
}

/** A map like another one but for some entries: state that is replaced, never changed. */
export function withEntries<Key, Value>(
  map: ReadonlyMap<Key, Value>,
  entries: Iterable<readonly [Key, Value]>,
): ReadonlyMap<Key, Value> {
  return new Map([...map, ...entries]);
}

export function withEntry<Key, Value>(
  map: ReadonlyMap<Key, Value>,
  key: Key,
  value: Value,
): ReadonlyMap<Key, Value> {
  return withEntries(map, [[key, value]]);
}

export function without<Key, Value>(
  map: ReadonlyMap<Key, Value>,
  key: Key,
): ReadonlyMap<Key, Value> {
  return new Map([...map].filter(([one]) => one !== key));
}
