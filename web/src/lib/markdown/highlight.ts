/** A stretch of code and the class it is coloured by, if it is. */
export type Piece = [text: string, scope: string | null];

export interface Colours {
  /** What was coloured: all of a block, or as much of it as had come. */
  text: string;
  chunks: Piece[][];
}

export interface HighlightRequest {
  id: number;
  language: string;
  text: string;
}

export interface HighlightAnswer {
  id: number;
  chunks: Piece[][];
}

/** Code is laid out in chunks of this many lines. */
export const chunkLines = 40;
const maxLength = 200_000;
const patience = 5000;

let worker: Worker | undefined;
let lastId = 0;
const waiting = new Map<number, (chunks: Piece[][]) => void>();

function getWorker(): Worker {
  if (worker) return worker;
  worker = new Worker(new URL('./highlight.worker.ts', import.meta.url), { type: 'module' });
  worker.onmessage = ({ data: { id, chunks } }: MessageEvent<HighlightAnswer>) => {
    waiting.get(id)?.(chunks);
  };
  worker.onerror = stopWorker;
  return worker;
}

/** What waits stays plain. The next block gets a worker of its own. */
function stopWorker() {
  worker?.terminate();
  worker = undefined;
  for (const resolve of [...waiting.values()]) resolve([]);
}

/** Colours code beside the page's own work: no grammar, however slow, can hold the page up. */
export async function highlight(language: string, text: string): Promise<Colours> {
  if (text.length > maxLength) return { text, chunks: [] };
  const id = (lastId += 1);
  const request: HighlightRequest = { id, language: language.toLowerCase(), text };
  const timer = setTimeout(stopWorker, patience);
  const chunks = await new Promise<Piece[][]>((resolve) => {
    waiting.set(id, resolve);
    getWorker().postMessage(request);
  });
  clearTimeout(timer);
  waiting.delete(id);
  return { text, chunks };
}

/** The code in chunks of lines: coloured as far as its colours are known, the rest as it is. */
export function pieces(text: string, colours: Colours | null): Piece[][] {
  const known = colours && text.startsWith(colours.text) ? colours : null;
  const chunks: Piece[][] = [];
  let start = 0;
  while (start < text.length) {
    const end = endOfLines(text, start, chunkLines);
    const coloured = known?.chunks[chunks.length];
    const done = known ? Math.min(end, Math.max(start, known.text.length)) : start;
    if (!coloured || done === start) chunks.push([[text.slice(start, end), null]]);
    else if (done === end) chunks.push(coloured);
    else chunks.push([...coloured, [text.slice(done, end), null]]);
    start = end;
  }
  return chunks;
}

function endOfLines(text: string, start: number, lines: number): number {
  let end = start;
  for (let line = 0; line < lines; line += 1) {
    const next = text.indexOf('\n', end);
    if (next === -1) return text.length;
    end = next + 1;
  }
  return end;
}
