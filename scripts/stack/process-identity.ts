import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/**
 * A process id names a process only together with its start: ids are used again. Empty when there
 * is no such process.
 */
export function startOf(pid: number): string {
  if (!Number.isInteger(pid) || pid <= 0) return '';
  if (process.platform === 'linux') {
    try {
      const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
      // The command may hold spaces and brackets; fields are counted from the last bracket.
      const [state, ...rest] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      return state === 'Z' ? '' : (rest[18] ?? '');
    } catch {
      return '';
    }
  }
  try {
    return execFileSync('ps', ['-p', String(pid), '-o', 'lstart='], { encoding: 'utf8' }).trim();
  } catch {
    return '';
  }
}

export interface Recorded {
  pid: number;
  start: string;
}

export function identify(pid: number): Recorded {
  return { pid, start: startOf(pid) };
}

export function isAlive(one: Recorded): boolean {
  return one.start !== '' && startOf(one.pid) === one.start;
}
