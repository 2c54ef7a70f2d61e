import type { Manifest } from '../../model/backup/manifest.ts';
import { parseManifest } from '../../model/backup/parse-manifest.ts';
import { openSigned, signDocument, type Signer, type TrustedSigners } from './signature.ts';

/** One value to a line, so that `sed` and `grep` find it on a system that has nothing else. Read back before it is given out. */
export function formatManifest(manifest: Manifest, signer: Signer): string {
  const document = `${JSON.stringify(manifest, undefined, 1)}\n`;
  parseManifest(document, manifest.id);
  return signDocument(document, signer);
}

/**
 * @param isKnown - See {@link openSigned}.
 * @throws BerthError `damaged` unless every byte is what a trusted signer wrote.
 */
export const openManifest = (signed: Uint8Array, path: string, trusted: TrustedSigners, isKnown = false): Manifest =>
  parseManifest(openSigned(signed, path, trusted, isKnown), path);
