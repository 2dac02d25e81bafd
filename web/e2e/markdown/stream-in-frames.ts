/**
 * Acts once a frame, as often as told. Returns how long the main thread was busy in each frame:
 * from its first callback until a message sent in it arrives, which is after its paint.
 */
async function inFrames(count: number, act: (frame: number) => void): Promise<number[]> {
  const frames: number[] = [];
  const { port1, port2 } = new MessageChannel();
  for (let frame = 0; frame < count; frame += 1) {
    await new Promise<void>((resolve) => {
      requestAnimationFrame(() => {
        const begun = performance.now();
        act(frame);
        port1.onmessage = () => {
          frames.push(performance.now() - begun);
          resolve();
        };
        port2.postMessage(null);
      });
    });
  }
  return frames;
}

/** Shows a text as a stream would, a step each frame. */
export async function streamInFrames(text: string, step: number): Promise<number[]> {
  const frames = await inFrames(Math.ceil(text.length / step), (frame) =>
    window.show(text.slice(0, (frame + 1) * step), true),
  );
  window.show(text);
  await new Promise((resolve) => setTimeout(resolve, 100));
  return frames;
}

/** The least that a frame with a change in it costs here: one other word on an empty page. */
export function changeOneWord(count: number): Promise<number[]> {
  const heading = document.querySelector('h1')!;
  return inFrames(count, (frame) => {
    heading.textContent = `An answer ${frame}`;
  });
}
