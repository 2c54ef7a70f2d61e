import { keyPattern } from '../../model/backup/manifest.ts';

/** Keys are made by Berth and read from signed manifests; one that would leave its folder is a defect. */
export function checkKey(key: string): void {
  if (!keyPattern.test(key)) throw new TypeError(`not a key: ${JSON.stringify(key)}`);
}
