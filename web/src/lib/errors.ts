/** An error as a person may read it: what happened, and what to do now. */
export interface Explained {
  code: string;
  message: string;
  next: string;
}

type Sentences = readonly [message: string, next: string];

const unreachable: Sentences = [
  'OneAI could not be reached.',
  'Check your connection, then try again.',
];
const ended: Sentences = ['Your session has ended.', 'Sign in again to go on.'];
const spent: Sentences = [
  'That link or code is wrong, used or expired.',
  'Ask for a new one; it works once and for an hour.',
];
const busy: Sentences = ['That was tried too often.', 'Wait a minute, then try again.'];

/** Stable codes of Auth, and the stable tokens the database raises as its message. */
const sentences: Readonly<Record<string, Sentences>> = {
  invalid_credentials: [
    'That email and password do not match.',
    'Check both, or have a code sent to you instead.',
  ],
  email_not_confirmed: [
    'This address is not confirmed yet.',
    'Enter the code from our mail, or ask for a new one.',
  ],
  weak_password: [
    'That password is too easy to guess.',
    'Use ten characters or more; a few unrelated words do well.',
  ],
  same_password: ['That is your current password.', 'Choose one you have not used here.'],
  email_address_invalid: ['That is not an email address we can write to.', 'Check the spelling.'],
  email_address_not_authorized: ['We cannot write to that address.', 'Try another one.'],
  email_provider_disabled: ['Signing in by email is switched off here.', 'Use another way.'],
  signup_disabled: ['New accounts are closed here at the moment.', 'Ask whoever runs this site.'],
  user_banned: ['This account is suspended.', 'Write to support if that surprises you.'],
  provider_disabled: ['That way of signing in is switched off here.', 'Use another way.'],
  oauth_provider_not_supported: [
    'That way of signing in is switched off here.',
    'Use another way.',
  ],
  access_denied: ['The sign-in was cancelled before it was finished.', 'Try again when you like.'],
  otp_expired: spent,
  otp_disabled: spent,
  flow_state_expired: spent,
  flow_state_not_found: spent,
  bad_code_verifier: [
    'This link was asked for in another browser.',
    'Open it there, or enter the code from the mail.',
  ],
  reauthentication_needed: ['We need to be sure it is you.', 'Enter the code we have sent you.'],
  reauthentication_not_valid: spent,
  session_not_found: ended,
  session_expired: ended,
  session_missing: ended,
  refresh_token_not_found: ended,
  refresh_token_already_used: ended,
  bad_jwt: ended,
  PGRST301: ended,
  PGRST303: ended,
  over_request_rate_limit: busy,
  over_email_send_rate_limit: [
    'We have just sent a mail to that address.',
    'Look for it, or wait a minute before asking for another.',
  ],
  unreachable,
  request_timeout: unreachable,

  invalid_input: ['Something in there cannot be accepted.', 'Check what you entered.'],
  validation_failed: ['Something in there cannot be accepted.', 'Check what you entered.'],
  forbidden: ['You are not allowed to do that.', 'Ask an owner of the account.'],
  not_found: ['That is not here, or not yours to see.', 'Go back and choose another.'],
  conflict: ['Somebody changed this in the meantime.', 'Load the page again, then repeat it.'],
  too_large: ['That is too large.', 'Shorten it and try again.'],
  rate_limited: busy,
  quota_exceeded: ['Your plan does not allow more of this for now.', 'See your limits.'],
  insufficient_credits: ['There are not enough credits for this.', 'Top up, then try again.'],
  upstream_unavailable: ['The model is not available right now.', 'Try again or choose another.'],
  upstream_failed: ['The model failed while answering.', 'Try again, or choose another model.'],
  upstream_broken: ['The connection to the model broke off.', 'Try again.'],
  upstream_rejected: ['The model does not take this request.', 'Change it or the model.'],
  upstream_silent: ['The model fell silent.', 'Try again, or choose another model.'],
  upstream_timeout: ['The model did not begin to answer in time.', 'Try another model.'],
  empty_answer: ['The model gave no answer.', 'Try again, or choose another model.'],
  moderated: ['The provider does not take this prompt.', 'Change the prompt or the model.'],
  run_too_long: ['The answer took longer than one may.', 'Ask for less at a time.'],
  run_lost: ['The answer broke off on our side.', 'Try again.'],
  text_incomplete: ['A part of the answer was lost on our side.', 'Try again.'],
};

const unexpected: Sentences = ['Something went wrong on our side.', 'Try again in a moment.'];

function codeOf(error: Partial<Record<string, unknown>>): string {
  const { code, message, name, status } = error;
  if (name === 'AuthRetryableFetchError' && (status === 0 || status === undefined)) {
    return 'unreachable';
  }
  if (name === 'AuthSessionMissingError') return 'session_missing';
  if (name === 'AuthPKCECodeVerifierMissingError') return 'bad_code_verifier';
  if (name === 'AuthWeakPasswordError') return 'weak_password';
  // One row was asked for, and there is none.
  if (code === 'PGRST116') return 'not_found';
  // A database error carries the SQL state as its code and our stable token as its message.
  if (typeof message === 'string' && message in sentences) return message;
  if (typeof code === 'string' && code) return code;
  // What fetch says differs by browser; that it is about fetch does not.
  if (typeof message === 'string' && /fetch|network|load failed/i.test(message)) {
    return 'unreachable';
  }
  return 'unexpected';
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' && value.trim() ? value : undefined;
}

/**
 * Never shows what the server wrote for a program to read: only our own sentences, and those the
 * database wrote for people.
 */
export function explain(error: unknown): Explained {
  const fields = (typeof error === 'object' && error ? error : {}) as Record<string, unknown>;
  const code = codeOf(fields);
  const [message, next] = sentences[code] ?? unexpected;
  // Only an error we raised ourselves (PTnnn) has details and a hint meant for people.
  const ours = typeof fields['code'] === 'string' && /^PT\d{3}$/.test(fields['code']);
  return {
    code,
    message: (ours && text(fields['details'])) || message,
    next: (ours && text(fields['hint'])) || next,
  };
}

/** Whether waiting and trying the same again makes sense, as opposed to changing something. */
export function isUnreachable(error: unknown): boolean {
  return explain(error).code === 'unreachable';
}

/** Whether it was given up from this side, which is no failure. */
export function isAborted(error: unknown): boolean {
  const { name, message } = (error ?? {}) as { name?: unknown; message?: unknown };
  return name === 'AbortError' || (typeof message === 'string' && message.includes('AbortError'));
}
