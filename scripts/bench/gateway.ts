// What the gateway adds to a stream with key, limits, hold and settlement: beside the upstream called
// directly and beside a published gateway, in interleaved rounds of one run. The function is called at
// its own port, as the published gateway is; the stack's origin, which stands in for the platform's, is
// measured beside.
import { startGatewayTarget } from './gateway-target.ts';
import { openStream, percentile, type SeenStream, steady } from './open-stream.ts';
import { startPortkey } from './portkey.ts';
import { type Figure, report } from './report.ts';

export async function measureGateway(rounds: number): Promise<void> {
  await using target = await startGatewayTarget(10);
  await using portkey = await startPortkey();
  const { upstreamUrl, customers } = target;
  let turn = 0;
  const key = () => customers[turn++ % customers.length]!.key;
  const open: Record<'direct' | 'ours' | 'origin' | 'portkey', () => Promise<SeenStream>> = {
    direct: () => openStream(upstreamUrl, { authorization: 'Bearer sk-of-the-bench' }),
    ours: () => openStream(target.functionUrl, { authorization: `Bearer ${key()}` }),
    portkey: () =>
      openStream(portkey.url, {
        authorization: 'Bearer sk-of-the-bench',
        'x-portkey-provider': 'openai',
        'x-portkey-custom-host': upstreamUrl,
      }),
    origin: () => openStream(target.url, { authorization: `Bearer ${key()}` }),
  };
  const many = (one: () => Promise<SeenStream>, count: number) =>
    Promise.all(Array.from({ length: count }, one));
  // Each has compiled what it runs often before it is measured.
  for (let round = 0; round < 3; round += 1) {
    for (const one of Object.values(open)) await many(one, 50);
  }

  const figures: Figure[] = [];
  let lost = 0;
  let counted = 0;
  for (const concurrency of [1, 20, 50]) {
    const seen: Record<string, number[]> = { direct: [], ours: [], origin: [], portkey: [] };
    const count = concurrency === 1 ? rounds * 8 : rounds;
    for (let round = 0; round < count; round += 1) {
      for (const [name, one] of Object.entries(open)) {
        const streams = await many(one, concurrency);
        seen[name]?.push(...streams.map(({ firstMs }) => firstMs));
        if (name !== 'ours' && name !== 'origin') continue;
        counted += streams.length * steady.frames;
        for (const { frames, isWhole } of streams)
          lost += steady.frames - frames + (isWhole ? 0 : 1);
      }
    }
    const first = (name: string, part: number) => percentile(seen[name] ?? [], part);
    for (const part of [0.5, 0.99]) {
      const added = (name: string) => first(name, part) - first('direct', part);
      figures.push({
        name: `gateway: added time to first byte, ${concurrency} at once, p${part * 100}`,
        value: added('ours'),
        unit: 'ms',
        bar: added('portkey'),
        better: 'lower',
        peer: added('portkey'),
        note: `direct ${first('direct', part).toFixed(1)} ms; with the proxy of the local stack before the function ${added('origin').toFixed(1)} ms; the peer is @portkey-ai/gateway, which holds no money`,
      });
    }
  }
  figures.push({
    name: 'gateway: frames lost',
    value: lost,
    unit: 'frames',
    bar: 0,
    better: 'lower',
    note: `of ${counted}`,
  });
  report('stream-gateway', figures);
}
