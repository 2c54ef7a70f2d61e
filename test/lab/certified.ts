import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { issue } from '../generator/io/issued-certificates.ts';
import { run } from './process.ts';

/** Makes a folder with `key.pem` and `cert.pem` for a server of these names or addresses, which any user of a container reads. @returns The certificate of their authority. */
export async function certify(folder: string, names: readonly string[]): Promise<string> {
  const now = new Date();
  const authority = await issue({ subject: 'An authority of the lab', ca: true, now });
  const leaf = await issue({ subject: names[0] ?? 'nobody', by: authority, names, now });
  mkdirSync(folder);
  writeFileSync(join(folder, 'key.pem'), leaf.keyPem);
  writeFileSync(join(folder, 'cert.pem'), leaf.pem);
  await run(['chmod', '-R', 'a+rX', folder]);
  return authority.pem;
}
