import type { Artifact } from '../../model/artifact.ts';

/** A file of config/: generated, and kept as its owner changed it. */
export const generated = (path: string, content: string): Artifact => ({ path, content, mode: 0o644, policy: 'generated' });
