import { RequestError } from './errors.ts';
import { assertEquals } from './testing.ts';
import { createMemoryRoom, type MemoryShare } from './memory-room.ts';

function takes(share: MemoryShare, bytes: number): string {
  try {
    share.take(bytes);
    return 'taken';
  } catch (error) {
    return error instanceof RequestError ? error.code : String(error);
  }
}

Deno.test('no more is given than there is, and large requests leave some for small ones', () => {
  const room = createMemoryRoom(1000);
  const [large, other, small] = [room.enter(), room.enter(), room.enter()];
  assertEquals(takes(large, 751), 'busy');
  assertEquals(takes(large, 750), 'taken');
  assertEquals(takes(other, 200), 'busy');
  assertEquals(takes(small, 10), 'taken');
  assertEquals(takes(large, 0), 'taken');
  assertEquals(takes(large, 180), 'taken');
  assertEquals(takes(large, 60), 'busy');
});

Deno.test('what a request held is free when it is over, once', () => {
  const room = createMemoryRoom(1000);
  const [first, second] = [room.enter(), room.enter()];
  first.take(700);
  first.give(300);
  assertEquals(takes(second, 451), 'busy');
  assertEquals(takes(second, 450), 'taken');
  second.leave();
  first.leave();
  first.leave();
  assertEquals(takes(second, 751), 'busy');
  assertEquals(takes(second, 750), 'taken');
});
