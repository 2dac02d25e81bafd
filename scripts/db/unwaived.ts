export interface Finding {
  name: string;
  detail: string;
  metadata: { schema?: string; name?: string; fkey_name?: string };
}

export interface Waiver {
  name: string;
  /** What it is about, such as `private.holds`; one star in it stands for anything. */
  object: string;
  reason: string;
}

/** The findings that nobody answered for, and the answers that nothing asks for any more. */
export function unwaived(findings: Finding[], waivers: Waiver[]): string[] {
  const used = new Set<Waiver>();
  const open = findings.filter((finding) => {
    const waiver = waivers.find((one) => answers(one, finding));
    if (waiver) used.add(waiver);
    return !waiver;
  });
  return [
    ...open.map((one) => `${one.name} on ${objectOf(one)}: ${one.detail}`),
    ...waivers
      .filter((one) => !used.has(one))
      .map((one) => `The waiver for ${one.name} on ${one.object} is not needed: remove it.`),
    ...waivers
      .filter((one) => one.reason.trim().length < 10)
      .map((one) => `The waiver for ${one.name} on ${one.object} gives no reason.`),
  ];
}

function answers(waiver: Waiver, finding: Finding): boolean {
  const object = objectOf(finding);
  const [start = '', end] = waiver.object.split('*');
  const matches =
    end === undefined ? object === start : object.startsWith(start) && object.endsWith(end);
  return waiver.name === finding.name && matches;
}

export function objectOf({ metadata: { schema, name, fkey_name } }: Finding): string {
  return [schema, name, fkey_name].filter(Boolean).join('.');
}
