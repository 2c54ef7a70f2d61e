import { chownSync, existsSync, lstatSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { BerthError } from '../../model/errors.ts';
import { storeMarker } from './folder-store.ts';

/**
 * Makes a folder store writable for the agent of a site, who is another user than the operator: the store's own folders and those of the site, with all
 * that lies there.
 *
 * @param owner - `999:999`.
 * @throws BerthError `io` when it belongs to somebody else and we are not root.
 */
export function chownFor(root: string, site: string, owner: string, chown: typeof chownSync = chownSync): void {
  const [uid = 0, gid = 0] = owner.split(':').map(Number);
  const give = (path: string): void => {
    const found = lstatSync(path);
    if (found.uid === uid && found.gid === gid) return;
    try {
      chown(path, uid, gid);
    } catch (error) {
      const [me, mine] = [process.getuid?.() ?? 0, process.getgid?.() ?? 0];
      throw new BerthError(
        'io',
        `${path} does not belong to ${owner}, as whom the agent of the databases runs, and only root may change that`,
        me === 0
          ? 'see whether its file system knows owners; one without is no place for backups of databases'
          : `run this with sudo; or set backups.user: '${me}:${mine}', who you are, in berth.yaml, then \`berth generate\``,
        { cause: error },
      );
    }
  };
  for (const path of ['', '.berth-parts', '.berth-leases', `.berth-leases/${site}`, 'v1', `v1/${site}`]) {
    mkdirSync(join(root, path), { recursive: true, mode: 0o700 });
    give(join(root, path));
  }
  const all = [`.berth-leases/${site}`, `v1/${site}`].flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' }).map((name) => join(root, folder, name)),
  );
  // What stands for the whole store, and lies beside the folders of the sites.
  const common = [storeMarker, 'RESTORE.md', 'restore.mjs'].map((name) => join(root, name));
  for (const path of [...common.filter((one) => existsSync(one)), ...all]) give(path);
}
