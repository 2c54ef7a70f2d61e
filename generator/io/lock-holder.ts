import { readFileSync, statSync } from 'node:fs';

/**
 * The process that holds a lock on a file, as Linux tells it; `undefined` where that cannot be known: on another
 * system, from another container, or on a file system whose device number has two faces.
 */
export function lockHolder(file: string): number | undefined {
  try {
    const { dev, ino } = statSync(file);
    return findHolder(readFileSync('/proc/locks', 'utf8'), `${deviceName(dev)}:${ino}`);
  } catch {
    return undefined;
  }
}

/** Lines read `2: POSIX  ADVISORY  WRITE 4711 fe:00:2146460 1073741824 1073742335`; a process of another container has number 0. */
export function findHolder(locks: string, inode: string): number | undefined {
  const fields = locks
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .find((each) => each[1] === 'POSIX' && each[5] === inode);
  const holder = Number(fields?.[4]);
  return holder > 0 ? holder : undefined;
}

/** Major and minor number in hex, as in /proc/locks. */
function deviceName(dev: number): string {
  const [major, minor] = [(dev >>> 8) & 0xfff, (dev & 0xff) | ((dev >>> 12) & 0xfff00)];
  return [major, minor].map((part) => part.toString(16).padStart(2, '0')).join(':');
}
