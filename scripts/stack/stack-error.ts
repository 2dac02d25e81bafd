/** A failure that a person can act on: its message is one clear sentence, shown without a stack trace. */
export class StackError extends Error {
  override name = 'StackError';
}
