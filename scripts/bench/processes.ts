// What the kernel says of processes.
import { readdirSync, readFileSync } from 'node:fs';

export interface Process {
  pid: number;
  parent: number;
  command: string;
}

/** A process and all that it has started, directly or not. */
export function familyOf(root: number): Process[] {
  const all = readdirSync('/proc').flatMap((name) => {
    if (!/^\d+$/.test(name)) return [];
    const command = read(`/proc/${name}/cmdline`).replaceAll('\0', ' ');
    return [{ pid: Number(name), parent: Number(statOf(Number(name))[1]), command }];
  });
  const family = new Set([root]);
  for (let size = 0; size !== family.size;) {
    size = family.size;
    for (const { pid, parent } of all) if (family.has(parent)) family.add(pid);
  }
  return all.filter(({ pid }) => family.has(pid));
}

/** User and system time of a process, counted in hundredths of a second. */
export function cpuMs(pid: number): number {
  const stat = statOf(pid);
  return (Number(stat[11] ?? 0) + Number(stat[12] ?? 0)) * 10;
}

/** Bytes that a process has in memory for itself, and with the pages of files that others share. */
export function ownMemory(pid: number): { own: number; whole: number } {
  const status = read(`/proc/${pid}/status`);
  const bytes = (name: string) =>
    Number(new RegExp(`${name}:\\s+(\\d+) kB`).exec(status)?.[1] ?? 0) * 1024;
  return { own: bytes('RssAnon'), whole: bytes('VmRSS') };
}

/** One variable of the environment that a process was started with. */
export function environmentOf(pid: number, name: string): string | undefined {
  const lines = read(`/proc/${pid}/environ`).split('\0');
  return lines.find((line) => line.startsWith(`${name}=`))?.slice(name.length + 1);
}

/** The fields after the name, which may hold spaces. */
function statOf(pid: number): string[] {
  const stat = read(`/proc/${pid}/stat`);
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ');
}

/** Empty when the process has ended meanwhile. */
function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
