import { createParser, type EventSourceMessage } from 'eventsource-parser';

/** The events of a server-sent stream, in order, however its bytes were cut on the way. */
export async function* readSse(
  body: ReadableStream<Uint8Array>,
): AsyncGenerator<EventSourceMessage> {
  const arrived: EventSourceMessage[] = [];
  const parser = createParser({ onEvent: (event) => arrived.push(event) });
  const decoder = new TextDecoder();
  const reader = body.getReader();
  try {
    while (true) {
      const { done, value } = await reader.read();
      if (done) return;
      parser.feed(decoder.decode(value, { stream: true }));
      yield* arrived.splice(0);
    }
  } finally {
    // Whoever stops reading hangs up; a connection that is gone already has nothing to cancel.
    await reader.cancel().catch(() => {});
  }
}
