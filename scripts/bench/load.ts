// npm run bench:load: how many requests a second the gateway answers on this machine, which layer
// takes the time, whether 200 streams at once lose anything, and whether memory stays flat.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { runCommand } from '../command.ts';
import { type GatewayTarget, startGatewayTarget } from './gateway-target.ts';
import { openStream, percentile, steady } from './open-stream.ts';
import { type Figure, report } from './report.ts';
import type { Layer } from './stack-process.ts';
import { measureWebhooks } from './webhooks.ts';

const { values } = parseArgs({
  options: {
    requests: { type: 'string', default: '10000' },
    clients: { type: 'string', default: '32' },
    streams: { type: 'string', default: '200' },
    accounts: { type: 'string', default: '20' },
  },
});
const requests = Number(values.requests);
const clients = Number(values.clients);
const streams = Number(values.streams);
const accounts = Number(values.accounts);

const layerNames: Record<Layer, string> = {
  function: 'gateway',
  postgres: 'postgres',
  stack: 'local origin, data API and sandbox',
};

await runCommand(async () => {
  report('load', [...(await measureGateway()), ...(await measureWebhooks())]);
});

async function measureGateway(): Promise<Figure[]> {
  await using target = await startGatewayTarget(accounts);
  await answers(target, 200);
  return [...(await saturation(target)), ...(await manyStreams(target))];
}

/** Makes so many calls, `clients` at a time, and returns how long each took. */
async function answers({ url, customers }: GatewayTarget, count: number): Promise<number[]> {
  const times: number[] = [];
  let left = count;
  const worker = async (_: unknown, nth: number) => {
    const { key } = customers[nth % customers.length]!;
    while (left-- > 0) {
      const startedAt = performance.now();
      const response = await fetch(`${url}/chat/completions`, {
        method: 'POST',
        headers: { authorization: `Bearer ${key}` },
        body: JSON.stringify({
          model: 'sandbox/fast',
          messages: [{ role: 'user', content: 'hello' }],
          max_tokens: 8,
        }),
      });
      const text = await response.text();
      if (!response.ok) throw new Error(`${response.status} ${text}`);
      times.push(performance.now() - startedAt);
    }
  };
  await Promise.all(Array.from({ length: clients }, worker));
  return times;
}

/** All the requests, in ten parts: the second tells the memory that the last is held against. */
async function saturation(target: GatewayTarget): Promise<Figure[]> {
  const before = target.stack.cpuByLayer('gateway');
  const startedAt = performance.now();
  const times: number[] = [];
  const memory: number[] = [];
  for (let part = 0; part < 10; part += 1) {
    times.push(...(await answers(target, Math.ceil(requests / 10))));
    memory.push(target.stack.memoryOf('gateway').whole);
  }
  const seconds = (performance.now() - startedAt) / 1000;
  const after = target.stack.cpuByLayer('gateway');
  const cpuOf = (layer: Layer) => (after[layer] - before[layer]) / times.length;
  // Until then a young process only fills the heap that it keeps.
  const first = memory[1]!;
  const last = memory.at(-1)!;
  return [
    {
      name: `requests a second, ${clients} at once, ${accounts} accounts`,
      value: times.length / seconds,
      unit: 'requests/s',
      bar: null,
      better: 'higher',
      note: `p50 ${percentile(times, 0.5).toFixed(0)} ms, p99 ${percentile(times, 0.99).toFixed(0)} ms, of ${times.length}; the client is on the same machine`,
    },
    ...(['function', 'postgres', 'stack'] as const).map((layer) => ({
      name: `CPU a request, ${layerNames[layer]}`,
      value: cpuOf(layer),
      unit: 'ms',
      bar: null,
      better: 'lower' as const,
      note: layer === 'stack' ? 'the stand-ins for the platform and the upstream' : '',
    })),
    ...timeByCall(target),
    {
      name: `memory of the gateway after ${times.length} requests / after a fifth of them`,
      value: last / first,
      unit: 'ratio',
      bar: 1.1,
      better: 'lower',
      note: `MB after each tenth: ${memory.map((bytes) => (bytes / 1e6).toFixed(0)).join(', ')}`,
    },
  ];
}

/** What the local origin wrote of each call that the gateway made on the way. */
function timeByCall({ stack }: GatewayTarget): Figure[] {
  const log = readFileSync(join(stack.dataDir, 'logs/origin.log'), 'utf8');
  const times = new Map<string, number[]>();
  for (const line of log.split('\n')) {
    const { path, ms } = (line ? JSON.parse(line) : {}) as { path?: string; ms?: number };
    const name = /\/rpc\/(start_call|finish_call)$/.exec(path ?? '')?.[1];
    if (!name || ms === undefined) continue;
    const known = times.get(name) ?? [];
    known.push(ms);
    times.set(name, known);
  }
  return [...times].map(([name, all]) => ({
    name: `time in ${name}, with the data API, p50`,
    value: percentile(all, 0.5),
    unit: 'ms',
    bar: null,
    better: 'lower',
    note: `p99 ${percentile(all, 0.99).toFixed(0)} ms`,
  }));
}

async function manyStreams({ url, customers }: GatewayTarget): Promise<Figure[]> {
  const seen = await Promise.all(
    Array.from({ length: streams }, (_, nth) =>
      openStream(url, { authorization: `Bearer ${customers[nth % customers.length]!.key}` }),
    ),
  );
  const lost = seen.reduce(
    (sum, { frames, isWhole }) => sum + steady.frames - frames + (isWhole ? 0 : 1),
    0,
  );
  return [
    {
      name: `frames lost, ${streams} streams at once`,
      value: lost,
      unit: 'frames',
      bar: 0,
      better: 'lower',
      note: `of ${streams * steady.frames}; first byte p50 ${percentile(
        seen.map(({ firstMs }) => firstMs),
        0.5,
      ).toFixed(0)} ms`,
    },
  ];
}
