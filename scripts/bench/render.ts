// What a streamed answer costs the page that shows it: real Chromium, its processor slowed four
// times, answers of 5, 50 and 200 kB, some text a frame. Costs are the main thread's: script, style,
// layout and paint. What a frame costs anyway, when one word changes on an empty page, is told
// beside and taken off: it is the browser's.
import { parseArgs } from 'node:util';
import { type CDPSession, chromium, type Page } from '@playwright/test';
import { runCommand } from '../command.ts';
import { type Figure, report } from './report.ts';
import { answer } from './answer.ts';

const { values } = parseArgs({
  options: {
    throttle: { type: 'string', default: '4' },
    /** 80 characters a frame are about a thousand tokens a second: faster than any model. */
    characters: { type: 'string', default: '80' },
  },
});
const sizes = [5, 50, 200];

interface MarkdownSite extends AsyncDisposable {
  url: string;
}

await runCommand(async () => {
  // Typed here, not there: that module is the site's, and compiles beside the browser's types.
  const modules = '../../web/e2e';
  const { startMarkdownSite } = (await import(`${modules}/markdown-site.ts`)) as {
    startMarkdownSite: () => Promise<MarkdownSite>;
  };
  const machine = (await import(`${modules}/chromium.ts`)) as {
    chromium: () => { executablePath: string; args: string[] };
  };

  await using parts = new AsyncDisposableStack();
  const site = parts.use(await startMarkdownSite());
  const browser = await chromium.launch(machine.chromium());
  parts.defer(() => browser.close());
  const page = await browser.newPage({ viewport: { width: 1280, height: 900 } });
  await page.goto(site.url);
  await page.getByRole('heading', { name: 'An answer' }).waitFor();
  const session = await page.context().newCDPSession(page);
  // The thread's own time, so that what else runs on the machine does not count.
  await session.send('Performance.enable', { timeDomain: 'threadTicks' });
  await session.send('Emulation.setCPUThrottlingRate', { rate: Number(values.throttle) });

  // What is loaded on first use is loaded, and the engine is warm, before anything is measured.
  await stream(page, session, answer(20_000));
  const empty = quantile(await page.evaluate<number[]>('clear(), changeOneWord(300)'), 0.5);
  const results: Streamed[] = [];
  for (const size of sizes) results.push(await stream(page, session, answer(size * 1000)));

  const [small] = results;
  const figures: Figure[] = results.map(({ msPerKilobyte, frames }, index) => ({
    name: `main thread per kB, answer of ${sizes[index] ?? 0} kB`,
    value: msPerKilobyte,
    unit: 'ms',
    bar: null,
    better: 'lower',
    note: `${frames.length} frames of ${values.characters} characters`,
  }));
  const last = results.at(-1);
  figures.push({
    name: 'cost per kB, 200 kB / 5 kB',
    value: (last?.msPerKilobyte ?? NaN) / (small?.msPerKilobyte ?? NaN),
    unit: 'ratio',
    bar: 2,
    better: 'lower',
  });
  for (const [index, { frames }] of results.entries()) {
    figures.push({
      name: `main thread per frame p95, answer of ${sizes[index] ?? 0} kB`,
      value: Math.max(0, quantile(frames, 0.95) - empty),
      unit: 'ms',
      bar: 4,
      better: 'lower',
      peer: empty,
      note: `over an empty frame's ${empty.toFixed(1)} ms; whole frames: p50 ${quantile(frames, 0.5).toFixed(1)}, p95 ${quantile(frames, 0.95).toFixed(1)}, p99 ${quantile(frames, 0.99).toFixed(1)} ms`,
    });
  }
  report('render', figures);
});

interface Streamed {
  msPerKilobyte: number;
  frames: number[];
}

async function stream(page: Page, session: CDPSession, text: string): Promise<Streamed> {
  await page.evaluate('clear(), new Promise((resolve) => setTimeout(resolve, 500))');
  const before = await busySeconds(session);
  const frames = await page.evaluate<number[]>(
    `streamInFrames(${JSON.stringify(text)}, ${values.characters})`,
  );
  const busy = (await busySeconds(session)) - before;
  return { msPerKilobyte: (busy * 1000) / (text.length / 1000), frames };
}

async function busySeconds(session: CDPSession): Promise<number> {
  const { metrics } = await session.send('Performance.getMetrics');
  return metrics.find(({ name }) => name === 'TaskDuration')?.value ?? NaN;
}

function quantile(numbers: number[], share: number): number {
  return numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length * share)] ?? NaN;
}
