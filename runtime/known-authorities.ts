import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { getCACertificates } from 'node:tls';

let made: { readonly file: string; readonly text: string } | undefined;

/**
 * Whom Node trusts, with what NODE_EXTRA_CA_CERTS names: as a file for programs of an engine as well, whose images need know nobody. It goes with this process.
 */
export function knownAuthorities(): { readonly file: string; readonly text: string } {
  if (made !== undefined) return made;
  const folder = mkdtempSync(join(tmpdir(), 'berth-authorities-'));
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
  const [file, text] = [join(folder, 'ca.pem'), `${getCACertificates('default').join('\n')}\n`];
  writeFileSync(file, text, { mode: 0o600 });
  made = { file, text };
  return made;
}
