/** An error as Razorpay words it. */
export class Refusal extends Error {
  readonly status: number;
  readonly code: string;

  constructor(status: number, description: string, code = 'BAD_REQUEST_ERROR') {
    super(description);
    this.status = status;
    this.code = code;
  }

  toJSON(): object {
    return {
      error: {
        code: this.code,
        description: this.message,
        source: 'business',
        step: 'payment_initiation',
        reason: 'input_validation_failed',
        metadata: {},
      },
    };
  }
}

export function notFound(): Refusal {
  return new Refusal(400, 'The id provided does not exist');
}
