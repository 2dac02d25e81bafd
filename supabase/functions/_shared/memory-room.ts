import { failure, RequestError } from './errors.ts';

/** What the requests of one worker may hold of its memory together. */
export interface MemoryRoom {
  enter(): MemoryShare;
}

/** What one request holds of it, until it is over. */
export interface MemoryShare {
  /** Takes so many bytes more, or fails. */
  take(bytes: number): void;
  /** Gives some of it back. */
  give(bytes: number): void;
  leave(): void;
}

/** Of the 256 MB that a worker has: the rest is the runtime, and what comes and goes at once. */
const usualBytes = 96_000_000;
/** The fuller it is, the less is given at once: large requests always leave some for small ones. */
const mostOfWhatIsLeft = 3 / 4;
const retryMs = 2_000;

export function createMemoryRoom(bytes = usualBytes): MemoryRoom {
  let left = bytes;
  return {
    enter() {
      let own = 0;
      return {
        take(more) {
          if (more > left * mostOfWhatIsLeft) throw busy();
          left -= more;
          own += more;
        },
        give(back) {
          left += back;
          own -= back;
        },
        leave() {
          this.give(own);
        },
      };
    },
  };
}

function busy(): RequestError {
  const retryAt = new Date(Date.now() + retryMs).toISOString();
  return new RequestError({ ...failure('busy'), retryAt });
}
