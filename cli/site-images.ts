import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ImageCatalogue } from '../model/image-catalogue.ts';
import type { Context } from './context.ts';
import { loadSite } from './site.ts';

/** An image that a site needs, and what is known of it. */
export interface SiteImage {
  readonly reference: string;
  readonly licence: string;
  readonly status: string;
  readonly endOfLife: string;
  readonly usedBy: readonly string[];
  readonly note?: string;
  readonly replacement?: string;
}

/** A support end that has passed outweighs what the catalogue says. */
const statusOn = (now: Date, status: string, endOfLife: string | undefined): string =>
  endOfLife !== undefined && Date.parse(endOfLife) < now.getTime() ? 'end-of-life' : status;

/** Images that a Dockerfile starts from; stages of its own are none. */
function basesOf(site: string, folder: string): readonly string[] {
  const file = join(site, folder, 'Dockerfile');
  if (!existsSync(file)) return [];
  const stages = [...readFileSync(file, 'utf8').matchAll(/^FROM\s+(?:--\S+\s+)*(\S+)(?:\s+AS\s+(\S+))?/gim)];
  const own = new Set(stages.map(([, , stage]) => stage));
  return [...new Set(stages.map(([, image]) => image ?? ''))].filter((image) => !own.has(image) && image !== 'scratch');
}

/** What the catalogue knows of an image that is not Berth's choice. */
function stateOf(reference: string, catalogue: ImageCatalogue): Omit<SiteImage, 'reference' | 'usedBy'> {
  const known = Object.values(catalogue).find((image) => image.reference === reference);
  return known
    ? { licence: known.licence, status: known.status, endOfLife: known.endOfLife ?? '' }
    : { licence: 'unknown', status: 'unknown', endOfLife: '' };
}

/** Every image: the applications', those that their own are built from, and Berth's choices. */
export function imagesOf(site: string, context: Context): readonly SiteImage[] {
  const { plan, spec, assets } = loadSite(site, context);
  const apps = [...plan.release].flatMap(([service, filled]) => filled.map(({ image, slot }) => ({ image, user: `${service}-${slot}` })));
  // The agent of buckets may stand in an image of the operator's.
  const others = plan.services.filter(({ role, image }) => role === 'agent' && !plan.images.some(({ key }) => key === image));
  const users = [...apps, ...others.map(({ image, name }) => ({ image, user: name }))];
  const built = new Map(spec.services.flatMap((app) => (app.build === undefined ? [] : [[app.image, app.build] as const])));
  const own = [...new Set(users.map(({ image }) => image))].map((image): SiteImage => ({
    reference: image,
    licence: 'yours',
    status: built.has(image) ? 'built here' : 'yours',
    endOfLife: '',
    usedBy: users.filter((each) => each.image === image).map(({ user }) => user),
  }));
  const bases = [...built].flatMap(([image, folder]) =>
    basesOf(site, folder).map((base): SiteImage => ({ ...stateOf(base, assets.images), reference: base, usedBy: [`build of ${image}`] })),
  );
  return [
    ...own,
    ...bases,
    ...plan.images.map((image): SiteImage => ({
      reference: image.reference,
      licence: image.licence,
      status: image.key === 'berth' ? 'built here' : statusOn(context.now(), image.status, image.endOfLife),
      endOfLife: image.endOfLife ?? '',
      usedBy: image.usedBy,
      ...(image.note ? { note: image.note } : {}),
      ...(image.replacement ? { replacement: image.replacement } : {}),
    })),
  ];
}

/** Those that come from a registry. */
export const fetchedImages = (images: readonly SiteImage[]): readonly SiteImage[] => images.filter(({ status }) => status !== 'built here');
