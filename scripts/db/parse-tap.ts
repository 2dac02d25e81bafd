export interface TapOutput {
  text: string;
  /** The line of the test file whose statement printed it. */
  line: number;
}

interface Assertion {
  ok: boolean;
  line: number;
  description: string;
  diagnostics: string[];
}

/** What is wrong with a test file's output, a text per complaint; none when every assertion held. */
export function complaintsAbout(outputs: TapOutput[]): string[] {
  const assertions: Assertion[] = [];
  const complaints: string[] = [];
  const plans: number[] = [];

  for (const { text, line } of outputs) {
    for (const row of text.split('\n')) {
      const plan = /^1\.\.(\d+)(?:\s*#.*)?$/.exec(row);
      const result = /^(not )?ok (\d+)(?: (?:- )?(.*))?$/.exec(row);
      if (plan) plans.push(Number(plan[1]));
      if (result) {
        const [, not, number, description = ''] = result;
        assertions.push({ ok: !not, line, description, diagnostics: [] });
        if (Number(number) !== assertions.length) {
          complaints.push(`line ${line}: assertion ${assertions.length} calls itself ${number}`);
        }
        if (/(^| )# (skip|todo)\b/i.test(description)) {
          complaints.push(`line ${line}: skipped, not tested: ${description}`);
        }
      }
      if (row.startsWith('#')) assertions.at(-1)?.diagnostics.push(row);
    }
  }

  for (const { ok, line, description, diagnostics } of assertions) {
    if (!ok) complaints.push([`line ${line}: ${description}`, ...diagnostics].join('\n  '));
  }
  if (plans.length !== 1) complaints.push(`expected one plan, found ${plans.length}`);
  else if (plans[0] !== assertions.length) {
    complaints.push(`planned ${plans[0]} assertions, ran ${assertions.length}`);
  }
  if (assertions.length === 0) complaints.push('nothing was asserted');
  return complaints;
}
