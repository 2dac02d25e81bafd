/** An error in OpenRouter's shape: `{ error: { message, code, metadata? } }`. */
export class Refusal extends Error {
  readonly status: number;
  readonly metadata: Record<string, unknown> | undefined;
  readonly headers: Record<string, string>;

  constructor(
    status: number,
    message: string,
    metadata?: Record<string, unknown>,
    headers: Record<string, string> = {},
  ) {
    super(message);
    this.status = status;
    this.metadata = metadata;
    this.headers = headers;
  }

  /** Only errors raised after the key was accepted name the account. */
  toJSON(): Record<string, unknown> {
    const error = {
      message: this.message,
      code: this.status,
      ...(this.metadata && { metadata: this.metadata }),
    };
    return this.status === 401 ? { error } : { error, user_id: 'user_sandbox' };
  }
}

/** How OpenRouter wraps what a provider answered. */
export function providerRefusal(
  status: number,
  providerName: string,
  raw: string,
  headers: Record<string, string> = {},
): Refusal {
  return new Refusal(
    status,
    'Provider returned error',
    { raw, provider_name: providerName, is_byok: false },
    headers,
  );
}
