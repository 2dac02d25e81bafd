import type { Accounting } from './accounting.ts';
import type { Behaviour } from './behaviour.ts';
import type { Generations } from './generations.ts';

/** What one running sandbox remembers. */
export interface Sandbox {
  accounting: Accounting;
  generations: Generations;
  /** How an ordinary model behaves when nothing else is asked for. */
  defaults: Behaviour;
}
