/**
 * Who may still say something: of several readings the one begun last, which knows more than those
 * before it even where it is answered first.
 */
export class Turns {
  #last = 0;

  /** Begins one, and takes the word from all before it. Returns whether it still has it. */
  begin(): () => boolean {
    const turn = (this.#last += 1);
    return () => turn === this.#last;
  }
}
