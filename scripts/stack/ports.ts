import { createServer } from 'node:net';
import { StackError } from './stack-error.ts';

/** Where each part listens, counted from the origin's port. The one left out is Studio's on the platform. */
export interface Ports {
  origin: number;
  postgres: number;
  mail: number;
  site: number;
  openrouter: number;
  razorpay: number;
  /** The first of a hundred that function processes take in turn. */
  functions: number;
}

export const defaultPort = 54321;

export function portsFrom(origin: number): Ports {
  return {
    origin,
    postgres: origin + 1,
    mail: origin + 3,
    site: origin + 4,
    openrouter: origin + 5,
    razorpay: origin + 6,
    functions: origin + 10,
  };
}

export function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer()
      .once('error', () => resolve(false))
      .once('listening', () => probe.close(() => resolve(true)))
      .listen(port, '127.0.0.1');
  });
}

/** Looked at before anything starts, so that a busy port leaves nothing half-started behind. */
export async function requireFree(ports: number[]): Promise<void> {
  for (const port of ports) {
    if (await isFree(port)) continue;
    throw new StackError(
      `Port ${port} is in use. Stop what uses it, or choose others with --port.`,
    );
  }
}

/** A free stretch of ports below those the system hands out for outgoing connections. */
export async function findFreePort(): Promise<number> {
  for (let tried = 0; tried < 100; tried += 1) {
    const origin = 20_000 + 110 * Math.floor(Math.random() * 110);
    const needed = Object.values(portsFrom(origin)) as number[];
    const free = await Promise.all(needed.map(isFree));
    if (free.every(Boolean)) return origin;
  }
  throw new StackError('No free ports were found between 20000 and 32000.');
}
