import type { Permit } from './verdict.ts';

/** Which model of the list an answer names: its frames give the upstream's own name of it. */
export function answeringModel({
  model_ids,
  upstream_names,
}: Pick<Permit, 'model_ids' | 'upstream_names'>): (named?: string) => string {
  const plain = (name: string | undefined) => name?.replace(/:[a-z0-9-]+$/, '');
  return (named) => {
    const is = (same: (id: string, name: string | undefined) => boolean) =>
      model_ids.find((id, nth) => same(id, upstream_names?.[nth]));
    return (
      is((id, name) => named === id || named === name) ??
      // A provider may leave the variant out.
      is((id, name) => plain(named) === plain(id) || plain(named) === plain(name)) ??
      (model_ids[0] as string)
    );
  };
}
