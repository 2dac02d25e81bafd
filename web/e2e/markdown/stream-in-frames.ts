/**
 * Shows a text as a stream would, a step each frame. Returns how long the main thread was busy in
 * each: from the frame's first callback until a message sent in it arrives, which is after its paint.
 */
export async function streamInFrames(text: string, step: number): Promise<number[]> {
  const frames: number[] = [];
  const { port1, port2 } = new MessageChannel();
  for (let length = 0; length < text.length;) {
    length = Math.min(text.length, length + step);
    await new Promise<void>((resolve) => {
      requestAnimationFrame(() => {
        const begun = performance.now();
        window.show(text.slice(0, length), true);
        port1.onmessage = () => {
          frames.push(performance.now() - begun);
          resolve();
        };
        port2.postMessage(null);
      });
    });
  }
  window.show(text);
  await new Promise((resolve) => setTimeout(resolve, 100));
  return frames;
}
