import { build } from 'esbuild';

/**
 * One file with nothing beside it: it must still run where there is neither Berth nor a package registry. Not minified, since the
 * person who needs it may want to read it.
 */
export async function buildRestore(outfile: string): Promise<void> {
  await build({
    entryPoints: ['runtime/restore/main.ts'],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20', // old enough to start and say that it is too old
    banner: { js: '// Restores backups made by Berth. Apache-2.0. See RESTORE.md beside it, or: node restore.mjs --help' },
    logLevel: 'warning',
  });
}
