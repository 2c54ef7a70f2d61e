import * as z from 'zod';

/** The two slots of a web service. One is live, the other stands by or is empty. */
export const slots = ['blue', 'green'] as const;
export type Slot = (typeof slots)[number];

const slot = z
  .strictObject({
    image: z.string({ error: 'expected an image reference' }),
    replicas: z
      .int({ error: 'expected a whole number of replicas' })
      .min(0, { error: 'expected 0 replicas or more' })
      .max(100, { error: 'expected at most 100 replicas' })
      .optional()
      .describe("Default: the plan's number for the slot with the most weight, 1 for the other."),
    weight: z
      .number({ error: 'expected a share of the traffic from 0 to 100' })
      .min(0, { error: 'expected a share of the traffic from 0 to 100' })
      .max(100, { error: 'expected a share of the traffic from 0 to 100' })
      .describe('Share of the traffic, in percent.'),
  })
  .meta({ id: 'ReleaseSlot' });

/**
 * release.yaml: which slot of each web service runs which image and takes how much of the traffic.
 * Owned by deployments (or by hand), an input of `generate`, which never rewrites it.
 */
export const writtenRelease = z.strictObject({
  apiVersion: z.literal('berth/v1', { error: 'expected berth/v1' }),
  services: z.record(
    z.string(),
    z.strictObject({
      blue: slot.optional(),
      green: slot.optional(),
      migrations: z
        .enum([...slots, 'none'], { error: 'expected blue, green or none' })
        .optional()
        .describe(
          'The slot whose image brings the schema of the database up to date, before that slot starts. Default: the one slot that is filled.',
        ),
    }),
  ),
});

export type WrittenRelease = z.infer<typeof writtenRelease>;

export interface SlotRelease {
  readonly slot: Slot;
  readonly image: string;
  readonly replicas: number;
  /** Percent of the traffic. */
  readonly weight: number;
  /** Whether the migrations of its image run before it starts; one slot of a service at most. */
  readonly migrates: boolean;
}

/** Filled slots by service name; a service without any shows the maintenance page. */
export type Release = ReadonlyMap<string, readonly SlotRelease[]>;
