import type { FileSystem } from './file-system.ts';
import { hasCode } from './io-failure.ts';

/** Creates a file of exactly this mode, whatever the umask; its content is on the disk when this returns. The file must not exist. */
export const writeDurably = (path: string, content: string, mode: number, files: FileSystem): void =>
  write(path, content, mode, true, files);

/** Like {@link writeDurably}, for what may be lost in a power cut: `fsync` is what takes the time. */
export const writeQuickly = (path: string, content: string, mode: number, files: FileSystem): void =>
  write(path, content, mode, false, files);

function write(path: string, content: string, mode: number, durable: boolean, files: FileSystem): void {
  const handle = files.openSync(path, 'wx', 0o600);
  try {
    files.writeFileSync(handle, content);
    files.fchmodSync(handle, mode);
    if (durable) files.fsyncSync(handle);
  } finally {
    files.closeSync(handle);
  }
}

/** Makes what was created, renamed or removed in a folder last. Some network file systems know no such thing; that is no failure. */
export function syncFolder(path: string, files: FileSystem): void {
  const handle = files.openSync(path, 'r');
  try {
    files.fsyncSync(handle);
  } catch (error) {
    if (!hasCode(error, 'EINVAL', 'ENOTSUP', 'EBADF')) throw error;
  } finally {
    files.closeSync(handle);
  }
}

/** Moves a file over another in one step; between file systems, by a copy that lies beside its goal until it is whole. */
export function moveOver(from: string, to: string, mode: number, files: FileSystem): void {
  try {
    files.renameSync(from, to);
  } catch (error) {
    if (!hasCode(error, 'EXDEV')) throw error;
    moveAcross(from, to, mode, files);
  }
}

function moveAcross(from: string, to: string, mode: number, files: FileSystem): void {
  replaceFile(to, files.readFileSync(from, 'utf8'), mode, files);
  files.unlinkSync(from);
}

/** Puts a whole file where another may be: it lies beside its goal until its content is on the disk. */
export function replaceFile(path: string, content: string, mode: number, files: FileSystem): void {
  const beside = `${path}.berth-new`;
  files.rmSync(beside, { force: true });
  writeDurably(beside, content, mode, files);
  files.renameSync(beside, path);
}
