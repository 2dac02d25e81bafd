import katex, { type KatexOptions } from 'katex';
import 'katex/dist/katex.min.css';

const maxLength = 8000;

/** Bounded in every way that a formula could grow: no commands that reach out, no endless macros. */
const options = {
  trust: false,
  strict: 'ignore',
  throwOnError: true,
  globalGroup: false,
  maxExpand: 500,
  maxSize: 12,
} satisfies KatexOptions;

/** Draws a formula into an element. Returns what is wrong with it, if it cannot be drawn. */
export function drawFormula(element: HTMLElement, tex: string, display: boolean): string | null {
  if (tex.length > maxLength) return 'This formula is too long to draw.';
  try {
    katex.render(tex, element, { ...options, displayMode: display });
    return null;
  } catch (error) {
    // What was drawn of it must not stay. Too deep a nesting arrives here as a RangeError.
    element.replaceChildren();
    return error instanceof katex.ParseError ? error.rawMessage : 'This formula cannot be drawn.';
  }
}
