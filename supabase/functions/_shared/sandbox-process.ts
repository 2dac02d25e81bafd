// deno-lint-ignore-file no-await-in-loop
// The sandbox OpenRouter for tests of the functions, as it runs in the local stack: on Node.

export interface SandboxProcess {
  /** What OPENROUTER_BASE_URL would be. */
  url: string;
  requests(query: string): Promise<SandboxRequest[]>;
  stop(): Promise<void>;
}

export interface SandboxRequest {
  requested: string;
  model: string;
  outcome: string;
  charged: string;
  frames_sent: number;
  body: Record<string, unknown> | null;
  aborted: { after_ms: number; billing: 'stopped' | 'continued' } | null;
}

const script = new URL('../../../scripts/sandbox/openrouter.ts', import.meta.url).pathname;

export async function startSandboxProcess(): Promise<SandboxProcess> {
  const process = new Deno.Command('node', {
    args: [script, '--port', '0'],
    stdout: 'piped',
    stderr: 'inherit',
  }).spawn();
  const reader = process.stdout.pipeThrough(new TextDecoderStream()).getReader();
  let said = '';
  while (!said.includes('\n')) {
    const { done, value } = await reader.read();
    if (done) throw new Error(`The sandbox did not start: ${said}`);
    said += value;
  }
  const url = /http:\/\/127\.0\.0\.1:\d+/.exec(said)?.[0] ?? '';
  // Its log goes nowhere, but must be read, or it would wait for its reader.
  const drained = (async () => {
    while (!(await reader.read()).done) continue;
  })();
  return {
    url: `${url}/api/v1`,
    async requests(query) {
      const response = await fetch(`${url}/sandbox/requests?${query}`);
      return ((await response.json()) as { data: SandboxRequest[] }).data;
    },
    async stop() {
      process.kill('SIGKILL');
      await process.status;
      await drained;
    },
  };
}
