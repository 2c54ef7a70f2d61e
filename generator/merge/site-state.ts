/** What a site folder holds, as far as a decision needs it. Paths are relative to the site, `/` separated. */
export interface SiteState {
  /** What is on disk now, by path; absent when there is no such file. */
  readonly current: ReadonlyMap<string, string>;
  /** Permission bits on disk, by path. */
  readonly modes: ReadonlyMap<string, number>;
  /** What Berth rendered last, by path, for text that is merged. */
  readonly base: ReadonlyMap<string, string>;
  /** sha256 of what Berth rendered last, by path, for every file it looks after; before merging, so an edit stays visible. */
  readonly hashes: ReadonlyMap<string, string>;
}

/** One file that will not be as it was. */
export interface Change {
  readonly path: string;
  readonly action: 'create' | 'update' | 'merge' | 'delete' | 'chmod';
  /** What will be there; absent for a deletion. */
  readonly content?: string;
  /** Permission bits it will have; those it had, for a deletion. */
  readonly mode: number;
  /** What is there now; absent for a new file. */
  readonly before?: string;
  /** Contents must not be shown: a secret, or a deleted file that may have been one. */
  readonly secret: boolean;
}

/** One file that keeps everything from being written until a person decides. */
export interface Conflict {
  readonly path: string;
  /** What is the matter, without the path. */
  readonly reason: string;
  /** One imperative sentence: what to do about it. */
  readonly hint: string;
  /** From what Berth would write (`-`) to what is there (`+`); empty for a secret. */
  readonly diff: string;
}

/** What Berth will know about its own files after this run, as the difference from what it knows now. */
export interface Memory {
  readonly hashes: ReadonlyMap<string, string>;
  readonly hashesChanged: boolean;
  /** Base copies to write. */
  readonly baseWritten: ReadonlyMap<string, string>;
  /** Base copies nobody needs any more. */
  readonly baseRemoved: readonly string[];
}

/** Everything that follows from what was rendered and what is there. */
export interface Decision {
  /** Sorted by path; to be written only when there is no conflict. */
  readonly changes: readonly Change[];
  readonly conflicts: readonly Conflict[];
  /** Files Berth wrote once, no longer produces, and leaves because they were edited. */
  readonly leftovers: readonly string[];
  /** Final content of every artifact, unchanged ones included; of a conflict, what is there. */
  readonly merged: ReadonlyMap<string, string>;
  readonly memory: Memory;
}
