import mermaid from 'mermaid/dist/mermaid.min.js?url';

export type Drawing = { image: string; width: number; height: number } | { problem: string };

const maxSource = 20_000;
const maxDrawing = 2_000_000;
const maxSide = 20_000;
/** The first drawing waits for three megabytes of program too. */
const patience = 20_000;

let frame: HTMLIFrameElement | undefined;
let lastId = 0;
let queue: Promise<unknown> = Promise.resolve();

/**
 * Draws one diagram after the other in one frame that has no origin, no network and no way out,
 * and hands on a picture: whatever a diagram smuggles into the frame ends there.
 */
export function drawDiagram(source: string, dark: boolean): Promise<Drawing> {
  if (source.length > maxSource) {
    return Promise.resolve({ problem: 'This diagram is too large to draw.' });
  }
  const drawing = queue.then(() => draw(source, dark));
  queue = drawing;
  return drawing;
}

async function draw(source: string, dark: boolean): Promise<Drawing> {
  const timeUp = new AbortController();
  const timer = setTimeout(() => timeUp.abort(), patience);
  try {
    const target = await openFrame(timeUp.signal);
    const id = (lastId += 1);
    target.contentWindow?.postMessage({ id, source, dark }, '*');
    const answer = await nextMessage(target, timeUp.signal, (message) => message['id'] === id);
    return readAnswer(answer);
  } catch {
    frame?.remove();
    frame = undefined;
    return { problem: 'This diagram took too long to draw.' };
  } finally {
    clearTimeout(timer);
  }
}

async function openFrame(signal: AbortSignal): Promise<HTMLIFrameElement> {
  if (frame?.isConnected) return frame;
  const opened = document.createElement('iframe');
  opened.sandbox.add('allow-scripts');
  opened.src = `/frames/diagram.html#${mermaid}`;
  opened.referrerPolicy = 'no-referrer';
  opened.title = 'Diagrams';
  opened.tabIndex = -1;
  opened.setAttribute('aria-hidden', 'true');
  // It must be laid out to measure text, and nobody must see it.
  Object.assign(opened.style, {
    position: 'fixed',
    left: '0',
    top: '0',
    width: '1200px',
    height: '900px',
    border: '0',
    visibility: 'hidden',
    pointerEvents: 'none',
    zIndex: '-1',
  });
  frame = opened;
  const ready = nextMessage(opened, signal, (message) => message['ready'] === true);
  document.body.append(opened);
  await ready;
  return opened;
}

type Message = Record<string, unknown>;

function nextMessage(
  from: HTMLIFrameElement,
  signal: AbortSignal,
  isIt: (message: Message) => boolean,
): Promise<Message> {
  return new Promise((resolve, reject) => {
    const done = new AbortController();
    const settle = (act: () => void) => {
      done.abort();
      act();
    };
    addEventListener(
      'message',
      ({ source, data }: MessageEvent<unknown>) => {
        if (source !== from.contentWindow || typeof data !== 'object' || data === null) return;
        if (isIt(data as Message)) settle(() => resolve(data as Message));
      },
      { signal: done.signal },
    );
    signal.addEventListener('abort', () => settle(() => reject(new Error('time is up'))), {
      signal: done.signal,
    });
  });
}

/** As a picture it runs nothing and loads nothing. A blob: address would be of our origin: data: is not. */
function readAnswer({ svg, width, height, problem }: Message): Drawing {
  const isSide = (side: unknown): side is number =>
    typeof side === 'number' && side > 0 && side <= maxSide;
  if (typeof svg === 'string' && svg.length <= maxDrawing && isSide(width) && isSide(height)) {
    const image = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(svg.toWellFormed())}`;
    return { image, width, height };
  }
  const reason = typeof problem === 'string' ? problem.slice(0, 300) : '';
  return { problem: reason || 'This diagram cannot be drawn.' };
}
