export interface RequestLog {
  /** Adds a fact to the one line that is written when the request ends. */
  note(facts: Record<string, unknown>): void;
  end(status: number): void;
}

/** One JSON line per request, under its id. Never put a key, a token or a prompt in it. */
export function logRequest(
  functionName: string,
  requestId: string,
  write: (line: string) => void = print,
  now: () => number = () => performance.now(),
): RequestLog {
  const startedAt = now();
  let facts: Record<string, unknown> = {};
  return {
    note(more) {
      facts = { ...facts, ...more };
    },
    end(status) {
      const ms = Math.round(now() - startedAt);
      write(JSON.stringify({ function: functionName, id: requestId, status, ms, ...facts }));
    },
  };
}

function print(line: string): void {
  // deno-lint-ignore no-console
  console.log(line);
}
