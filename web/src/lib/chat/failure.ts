import { explain } from '#lib/errors.ts';
import type { AnswerError } from './answer-events.ts';
import { ConnectionLost, Refusal } from './follow-answer.ts';

/** What kept an answer from coming, or from coming whole, in the words of the page. */
export interface Failure {
  code: string;
  rule: string | null;
  message: string;
  hint: string;
  /** What it cost all the same; null while that is not settled. */
  chargedMicros: number | null;
  shortfallMicros: number | null;
  /** When the same may work again. */
  resetsAt: Date | null;
}

/** A call that was refused, or that never arrived. */
export function failureOf(error: unknown, wasOpened: boolean): Failure {
  const none = { rule: null, shortfallMicros: null, resetsAt: null };
  if (error instanceof Refusal) {
    const { code, rule, message, hint, shortfallMicros, resetsAt } = error;
    return { code, rule, message, hint, shortfallMicros, resetsAt, chargedMicros: 0 };
  }
  if (error instanceof ConnectionLost) {
    return {
      ...none,
      code: 'unreachable',
      message: wasOpened ? 'The connection to the answer was lost.' : 'OneAI could not be reached.',
      hint: wasOpened
        ? 'It goes on without you: come back to it when you are connected.'
        : 'Your message is kept here. Check your connection, then try again.',
      chargedMicros: wasOpened ? null : 0,
    };
  }
  const { code, message, next } = explain(error);
  return { ...none, code, message, hint: next, chargedMicros: wasOpened ? null : 0 };
}

/** An answer whose connection is gone, in a chat that is kept nowhere but here. */
export const restNotKept: Failure = {
  code: 'not_kept',
  rule: null,
  message: 'The connection was lost, and the rest of this answer with it.',
  hint: 'A temporary answer is not kept anywhere. What has come stays here; ask again for a whole one.',
  chargedMicros: null,
  shortfallMicros: null,
  resetsAt: null,
};

/** An answer that ended badly after it had begun. */
export function failureOfEnd(error: AnswerError): Failure {
  return {
    code: error.code,
    rule: null,
    message: error.message,
    hint: error.hint ?? 'Try again, or ask another model.',
    chargedMicros: error.charged_micros,
    shortfallMicros: null,
    resetsAt: null,
  };
}
