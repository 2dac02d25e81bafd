/** Which model of the list a frame names: providers add a date to the id, and variants drop out. */
export function answeringModel(models: readonly string[], named: string | undefined): string {
  const wanted = models[0] as string;
  if (named === undefined || models.includes(named)) return named ?? wanted;
  const plain = (id: string) => id.replace(/:[a-z]+$/, '');
  const name = plain(named);
  const fitting = models.filter((id) => name === plain(id) || name.startsWith(`${plain(id)}-`));
  return fitting.toSorted((one, other) => plain(other).length - plain(one).length)[0] ?? wanted;
}
