import { randomUUID } from 'node:crypto';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import type { Store } from '../../../runtime/ports/store.ts';
import { realFiles, type Files } from '../../../runtime/stores/folder-files.ts';
import { openFolderStore } from '../../../runtime/stores/folder-store.ts';
import type { HashedBlock } from '../../../runtime/streams/blocks.ts';
import { parts, storeContract } from '../../contract/store.ts';
import { noise, whole } from '../streams/bytes.ts';

const home = mkdtempSync(join(tmpdir(), 'berth-folder-store-'));
afterAll(() => rmSync(home, { recursive: true }));
const never = new AbortController().signal;
let folders = 0;
const newFolder = (): string => join(home, String((folders += 1)));
const open = (root: string, files: Files = realFiles, mode: 'create' | 'open' | 'read' = 'create'): Promise<Store> =>
  openFolderStore(root, { mode, files, random: randomUUID });
const systemError = (code: string): Error => Object.assign(new Error(code), { code });
const halfWritten = (root: string): readonly string[] => readdirSync(join(root, '.berth-parts'));

storeContract('a folder', async () => open(newFolder()));
storeContract('a folder where links are not supported', async () =>
  open(newFolder(), { ...realFiles, link: () => Promise.reject(systemError('EPERM')) }),
);

describe('a folder store', () => {
  test('is not made of a folder by writing into it: its disk may not be mounted', async () => {
    const root = newFolder();
    mkdirSync(root);
    await expect(open(root, realFiles, 'open')).rejects.toMatchObject({ kind: 'io', hint: expect.stringContaining('mounted') as string });
    expect(readdirSync(root)).toEqual([]);
  });

  test('that loses its disk while it is open refuses to write to the one below', async () => {
    const root = newFolder();
    const store = await open(root);
    rmSync(root, { recursive: true });
    mkdirSync(root);
    await expect(store.put('a', Buffer.from('x'), never)).rejects.toThrow('is not a store of backups');
    await expect(
      whole(
        (async function* () {
          for await (const { key } of store.list('', never)) yield Buffer.from(key);
        })(),
      ),
    ).rejects.toThrow('is not a store');
    expect(readdirSync(root)).toEqual([]);
  });

  test('is opened again with what it had', async () => {
    const root = newFolder();
    await (await open(root)).put('a/b', Buffer.from('x'), never);
    const again = await open(root, realFiles, 'open');
    expect((await whole(again.read('a/b', never))).toString()).toBe('x');
    await open(root);
    expect((await whole(again.read('a/b', never))).toString()).toBe('x');
  });

  test('that was copied without its mark can be read, and not written to', async () => {
    const root = newFolder();
    await (await open(root)).put('a/b', Buffer.from('x'), never);
    rmSync(join(root, '.berth-store'));
    const copy = await open(root, realFiles, 'read');
    expect((await whole(copy.read('a/b', never))).toString()).toBe('x');
    await expect(copy.put('c', Buffer.from('y'), never)).rejects.toThrow('is not a store');
  });

  test('lets nobody else read', async () => {
    const root = newFolder();
    await (await open(root)).put('a/b', Buffer.from('x'), never);
    expect(statSync(join(root, 'a')).mode & 0o777).toBe(0o700);
    expect(statSync(join(root, 'a/b')).mode & 0o777).toBe(0o600);
  });

  /** A disk on which the n-th write of the content of a file fails. */
  const failingAt = (turn: number, code: string): Files => {
    let writes = 0;
    return {
      ...realFiles,
      open: async (...args) => {
        const handle = await realFiles.open(...args);
        const write = handle.writeFile.bind(handle);
        handle.writeFile = async (data) => {
          writes += 1;
          if (writes === turn) throw systemError(code);
          return write(data);
        };
        return handle;
      },
    };
  };

  test.each([
    ['ENOSPC', 'no space is left on the device', 'free some space there'],
    ['EDQUOT', 'the disk quota is used up', 'free some space or have the quota raised'],
    ['EIO', 'the disk reported an error', 'check the disk'],
  ])('on a disk that says %s in mid-upload keeps what it had, leaves nothing and says what to do', async (code, meaning, cure) => {
    const root = newFolder();
    const before = await open(root);
    await before.put('kept', Buffer.from('x'), never);
    const store = await open(root, failingAt(3, code), 'open');
    const failure = store.upload('new', parts(noise(100), noise(100, 2)), never);
    await expect(failure).rejects.toMatchObject({
      kind: 'io',
      message: expect.stringContaining(meaning) as string,
      hint: expect.stringContaining(cure) as string,
    });
    expect(readdirSync(root).filter((name) => !name.startsWith('.'))).toEqual(['kept']);
    expect(halfWritten(root)).toEqual([]);
    await store.put('after', Buffer.from('y'), never);
    expect((await whole(store.read('after', never))).toString()).toBe('y');
  });

  test('that may no longer be written to says so', async () => {
    const root = newFolder();
    const denied = {
      ...realFiles,
      open: (async (path: string, flags: string, mode: number) =>
        flags === 'wx' ? Promise.reject(systemError('EACCES')) : realFiles.open(path, flags, mode)) as typeof realFiles.open,
    };
    await open(root);
    const store = await open(root, denied, 'open');
    await expect(store.put('a', Buffer.from('x'), never)).rejects.toThrow(`cannot write ${join(root, 'a')}: permission denied`);
  });

  test('gives a name only to what lies on the disk', async () => {
    const root = newFolder();
    await open(root);
    const events: string[] = [];
    const watched: Files = {
      ...realFiles,
      open: (async (path: string, flags: string, mode: number) => {
        const handle = await realFiles.open(path, flags, mode);
        const sync = handle.sync.bind(handle);
        handle.sync = async () => {
          events.push(flags === 'r' ? 'sync folder' : 'sync file');
          return sync();
        };
        return handle;
      }) as typeof realFiles.open,
      rename: async (...args) => {
        events.push('rename');
        return realFiles.rename(...args);
      },
    };
    const store = await open(root, watched, 'open');
    await store.put('a', Buffer.from('x'), never);
    expect(events).toEqual(['sync file', 'rename', 'sync folder']);
  });

  test('does not blame the disk for what the source says', async () => {
    const store = await open(newFolder());
    async function* failing(): AsyncGenerator<HashedBlock> {
      yield* parts(noise(10));
      throw systemError('ENOENT');
    }
    await expect(store.upload('a', failing(), never)).rejects.toThrow(/^ENOENT$/);
  });

  test('cleans what a crash left behind, once it is old', async () => {
    const root = newFolder();
    const store = await open(root);
    for (const [name, age] of [
      ['old', 3 * 86_400],
      ['new', 60],
    ] as const) {
      writeFileSync(join(root, '.berth-parts', name), 'half');
      utimesSync(join(root, '.berth-parts', name), Date.now() / 1000 - age, Date.now() / 1000 - age);
    }
    expect(await store.clean('', new Date(Date.now() - 86_400_000), never)).toBe(1);
    expect(halfWritten(root)).toEqual(['new']);
  });

  test('knows how much room there is', async () => {
    expect(await (await open(newFolder())).room()).toBeGreaterThan(0);
  });
});
