/**
 * Acts before each frame, as what comes over the network does. Returns how long the main thread was
 * busy with each: until the act was heard, and from the frame's first callback until a message sent
 * in it arrives, which is after its paint.
 */
async function inFrames(count: number, act: (frame: number) => unknown): Promise<number[]> {
  const frames: number[] = [];
  const { port1, port2 } = new MessageChannel();
  for (let frame = 0; frame < count; frame += 1) {
    // Asked for before the page can ask, so that it is the first callback.
    const painted = new Promise<number>((resolve) => {
      requestAnimationFrame(() => {
        const begun = performance.now();
        port1.onmessage = () => resolve(performance.now() - begun);
        port2.postMessage(null);
      });
    });
    const begun = performance.now();
    await act(frame);
    const heard = performance.now() - begun;
    frames.push(heard + (await painted));
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
