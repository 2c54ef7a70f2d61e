import * as z from 'zod';

const image = z.strictObject({
  reference: z.string(),
  version: z.string(),
  licence: z.string(),
  /** uid:gid the image is made for; Berth runs it as that. */
  user: z.string(),
  status: z.enum(['supported', 'frozen', 'end-of-life']),
  /** Day after which the upstream project fixes nothing more, `YYYY-MM-DD`; absent when none is announced. */
  endOfLife: z.iso.date().optional(),
  /** Why the status is what it is; printed as a warning unless supported. */
  note: z.string().optional(),
  /** What whoever uses it must know, whatever its status. */
  notices: z.array(z.string()).optional(),
  /** What to use instead. */
  replacement: z.string().optional(),
});

/** images.yaml: every image that Berth may name, by a short key. */
export const imageCatalogue = z.record(z.string(), image);
export type ImageCatalogue = z.infer<typeof imageCatalogue>;
export type CatalogueImage = z.infer<typeof image>;
