/** What lies in a store under the id of one backup. */
export interface Remains {
  readonly id: string;
  /** When the last of it was written, by the clock of the store. */
  readonly modified: Date;
}

export interface SweepFacts {
  /** Ids with a manifest. */
  readonly manifests: ReadonlySet<string>;
  /** Manifests that were moved away, with the time of that. */
  readonly removed: readonly Remains[];
  /** Data and keys. */
  readonly remains: readonly Remains[];
}

export interface Swept {
  readonly id: string;
  readonly because: string;
}

/**
 * Whose data and keys may be deleted for good: of backups removed longer than `graceMs` ago, and of attempts that never got a manifest.
 * An attempt may still be under way, and a list may not yet have the newest manifests; so nothing young is touched, and who
 * carries this out looks for the manifest of each once more.
 *
 * @param now - By the clock of the store as well as of this host, whichever is earlier: one of them alone may be ahead.
 */
export function planSweep({ manifests, removed, remains }: SweepFacts, now: Date, graceMs: number): readonly Swept[] {
  const hours = Math.round(graceMs / 3_600_000);
  const removedAt = new Map(removed.map(({ id, modified }) => [id, modified]));
  // A log of weeks has hundreds of thousands of objects.
  const lying = Map.groupBy([...remains, ...removed], ({ id }) => id);
  return [...lying.keys()].sort().flatMap((id): readonly Swept[] => {
    if (manifests.has(id)) return [];
    const newest = (lying.get(id) ?? []).reduce((latest, { modified }) => Math.max(latest, modified.getTime()), -Infinity);
    if (!(now.getTime() - newest > graceMs)) return [];
    return [{ id, because: removedAt.has(id) ? `removed more than ${hours} h ago` : `never finished, and older than ${hours} h` }];
  });
}
