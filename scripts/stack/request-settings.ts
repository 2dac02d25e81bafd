import type { Claims } from './jwt.ts';

/** What SQL may read of the request that it serves, as `current_setting('request.…')`. */
export interface RequestFacts {
  method: string;
  path: string;
  headers: string;
}

export interface RequestSettings {
  claims: Claims;
  searchPath: string;
  readOnly: boolean;
  request: RequestFacts | undefined;
  storageOperation?: string;
}

/** The settings of one request's transaction, in the order in which they must be made. */
export function requestSettings(of: RequestSettings): [name: string, value: string][] {
  const role = typeof of.claims['role'] === 'string' ? of.claims['role'] : 'anon';
  const settings: [name: string, value: string, usual?: string][] = [
    ['search_path', of.searchPath],
    ['request.jwt.claims', JSON.stringify(of.claims)],
    ['request.method', of.request?.method ?? ''],
    ['request.path', of.request?.path ?? ''],
    ['request.headers', of.request?.headers ?? '{}'],
    ['storage.operation', of.storageOperation ?? '', ''],
    ['transaction_read_only', of.readOnly ? 'on' : 'off', 'off'],
    // Last: from here on the caller's own rights count.
    ['role', role],
  ];
  // Each costs its call in the database, and a transaction begins with the usual ones.
  return settings.flatMap(([name, value, usual]) => (value === usual ? [] : [[name, value]]));
}
