import dart from 'highlight.js/lib/languages/dart';
import dockerfile from 'highlight.js/lib/languages/dockerfile';
import elixir from 'highlight.js/lib/languages/elixir';
import haskell from 'highlight.js/lib/languages/haskell';
import http from 'highlight.js/lib/languages/http';
import latex from 'highlight.js/lib/languages/latex';
import nginx from 'highlight.js/lib/languages/nginx';
import powershell from 'highlight.js/lib/languages/powershell';
import protobuf from 'highlight.js/lib/languages/protobuf';
import scala from 'highlight.js/lib/languages/scala';
import { common, createLowlight } from 'lowlight';
import {
  chunkLines,
  type HighlightAnswer,
  type HighlightRequest,
  type Piece,
} from './highlight.ts';

const lowlight = createLowlight({
  ...common,
  dart,
  dockerfile,
  elixir,
  haskell,
  http,
  latex,
  nginx,
  powershell,
  protobuf,
  scala,
});
lowlight.registerAlias({ xml: ['svelte', 'vue', 'astro'], bash: ['console', 'terminal'] });

addEventListener('message', ({ data }: MessageEvent<HighlightRequest>) => {
  const answer: HighlightAnswer = { id: data.id, chunks: colour(data) };
  postMessage(answer);
});

type Nodes = ReturnType<typeof lowlight.highlight>['children'];

function colour({ language, text }: HighlightRequest): Piece[][] {
  if (!lowlight.registered(language)) return [];
  const chunks: Piece[][] = [[]];
  let line = 0;
  const add = (value: string, scope: string | null) => {
    // A chunk ends after its last line, whatever is coloured across it.
    for (const part of value.split(/(?<=\n)/)) {
      const isFull = line === chunkLines;
      if (isFull) {
        chunks.push([]);
        line = 0;
      }
      const chunk = chunks.at(-1)!;
      const last = chunk.at(-1);
      if (last && last[1] === scope) last[0] += part;
      else chunk.push([part, scope]);
      if (part.endsWith('\n')) line += 1;
    }
  };
  const walk = (nodes: Nodes, scope: string | null) => {
    for (const node of nodes) {
      if (node.type === 'text') add(node.value, scope);
      else if (node.type === 'element') {
        const names = node.properties['className'];
        const name = Array.isArray(names) ? String(names[0]) : null;
        // Interpolated code inside a string is code again.
        walk(node.children as Nodes, name === 'hljs-subst' ? null : (name ?? scope));
      }
    }
  };
  walk(lowlight.highlight(language, text).children, null);
  return chunks;
}
