import { at, entries, list, text } from './check.ts';
import type { Hit, Json } from './check.ts';
import { concerns, imageEntriesOf, rewriteImage, withImages } from './images.ts';
import { deletes, jsonPatch, mergePatch, PatchRefused } from './patches.ts';
import type { Overlay } from './overlay.ts';
import { overlayFile, overlayFolder, overlayBase, overlayObject } from './overlay.ts';
import { checks } from './overlay-checks.ts';
import { isTarget, nameOf, withoutName } from './patch-target.ts';

/** Fields that are worked out here, and those that are kustomize's own affair. */
const seen = [
  'apiVersion',
  'kind',
  'metadata',
  'resources',
  'patches',
  'patchesStrategicMerge',
  'patchesJson6902',
  'images',
  'replicas',
  'configMapGenerator',
  'secretGenerator',
  'generatorOptions',
  'buildMetadata',
  'sortOptions',
  'configurations',
];
const foreign = [
  'bases',
  'components',
  'namespace',
  'namePrefix',
  'nameSuffix',
  'commonLabels',
  'labels',
  'commonAnnotations',
  'vars',
  'replacements',
  'crds',
  'generators',
  'transformers',
  'validators',
  'helmCharts',
  'helmGlobals',
  'helmChartInflationGenerator',
  'openapi',
];

/** `k8s/site` and `../generated` → `k8s/generated`. */
function joined(path: string): string {
  const parts: string[] = [];
  for (const part of `${overlayFolder}/${path}`.split('/'))
    if (part === '..') parts.pop();
    else if (part !== '.' && part !== '') parts.push(part);
  return parts.join('/');
}
const isRemote = (path: string): boolean => /^[a-z][a-z0-9+.-]*:\/\/|^git@|^github\.com\/|\?ref=/.test(path);

interface Given {
  /** Content of every file below k8s/site, by its path in the site. */
  readonly files: ReadonlyMap<string, string>;
  /** What Berth wrote. */
  readonly generated: readonly Json[];
  /** Documents of a text. @throws Error when it is no YAML. */
  readonly parse: (text: string) => readonly Json[];
}

/** Reads the overlay and works out what it makes of the base: images, replicas, patches and added objects. */
class Reading {
  readonly wrong: (Hit & { readonly id: string })[] = [];
  readonly unseen: string[] = [];
  objects: readonly Json[];
  own: readonly Json[] = [];
  readonly secrets: string[] = [];
  readonly given: Given;
  readonly kustomization: Json;

  constructor(given: Given, kustomization: Json) {
    this.given = given;
    this.kustomization = kustomization;
    this.objects = given.generated;
  }

  complain({ id }: { readonly id: string }, path: string, found: string): void {
    this.wrong.push({ id, object: overlayObject, path, found });
  }

  /** The text of a file that the overlay names. */
  file(path: string, where: string): string | undefined {
    const full = joined(path);
    const found = this.given.files.get(full);
    if (found !== undefined) return found;
    this.complain(
      checks.path,
      where,
      full.startsWith(`${overlayFolder}/`)
        ? `there is no ${full}`
        : `${full} lies outside of ${overlayFolder}, where kustomize reads no file`,
    );
    return undefined;
  }

  documents(content: string, where: string): readonly Json[] | undefined {
    try {
      return this.given.parse(content).filter((document) => document !== null && document !== undefined);
    } catch (error) {
      this.complain(checks.patch, where, `no YAML: ${error instanceof Error ? (error.message.split('\n')[0] ?? '') : ''}`);
      return undefined;
    }
  }

  resources(): void {
    let stands = false;
    list(at(this.kustomization, 'resources')).forEach((resource, index) => {
      const [path, where] = [text(resource), `resources[${index}]`];
      const full = joined(path);
      if (isRemote(path)) this.unseen.push(`${path}, which lies elsewhere`);
      else if (full === overlayBase) stands = true;
      else if (!full.startsWith(`${overlayFolder}/`)) this.unseen.push(`${full}, outside of ${overlayFolder}`);
      else if (['kustomization.yaml', 'kustomization.yml', 'Kustomization'].some((name) => this.given.files.has(`${full}/${name}`)))
        this.unseen.push(`${full}, a kustomization of its own`);
      else {
        const content = this.file(path, where);
        if (content !== undefined) this.own = [...this.own, ...(this.documents(content, where) ?? [])];
      }
    });
    if (!stands) this.complain(checks.base, 'resources', 'without ../generated');
  }

  generators(): void {
    for (const field of ['configMapGenerator', 'secretGenerator'] as const)
      list(at(this.kustomization, field)).forEach((generator, index) => {
        const where = `${field}[${index}]`;
        const [name, namespace] = [text(at(generator, 'name')), text(at(generator, 'namespace'))];
        const keys = [
          ...list(at(generator, 'literals')).map((literal) => text(literal).split('=')[0] ?? ''),
          ...list(at(generator, 'files')).flatMap((entry, position) => {
            const [key, path] = text(entry).includes('=') ? text(entry).split('=') : [text(entry).split('/').at(-1), text(entry)];
            return this.file(path ?? '', `${where}.files[${position}]`) === undefined ? [] : [key ?? ''];
          }),
          ...[...list(at(generator, 'envs')), ...(at(generator, 'env') === undefined ? [] : [at(generator, 'env')])].flatMap(
            (path, position) =>
              (this.file(text(path), `${where}.envs[${position}]`) ?? '')
                .split('\n')
                .flatMap((line) => (/^\s*(#|$)/.test(line) ? [] : [line.split('=')[0] ?? ''])),
          ),
        ];
        if (field === 'secretGenerator') this.secrets.push(...keys.map((key) => `${namespace}/${name}/${key}`));
        else this.own = [...this.own, { kind: 'ConfigMap', metadata: { name, namespace } }];
      });
  }

  /** Every patch, in whichever of the three fields it stands, in kustomize's order. */
  patches(): void {
    const patches = [
      ...list(at(this.kustomization, 'patchesStrategicMerge')).map((patch, index) => ({
        patch: text(patch),
        target: undefined,
        where: `patchesStrategicMerge[${index}]`,
        inline: text(patch).includes('\n'),
      })),
      ...(['patches', 'patchesJson6902'] as const).flatMap((field) =>
        list(at(this.kustomization, field)).map((patch, index) => ({
          patch: text(at(patch, 'patch') ?? at(patch, 'path')),
          target: at(patch, 'target'),
          where: `${field}[${index}]`,
          inline: at(patch, 'patch') !== undefined,
        })),
      ),
    ];
    for (const { patch, target, where, inline } of patches) {
      const content = inline ? patch : this.file(patch, `${where}.path`);
      const documents = content === undefined ? undefined : this.documents(content, where);
      for (const document of documents ?? []) this.patch(document, target, where);
    }
  }

  patch(patch: Json, target: Json, where: string): void {
    const wanted: Json = target ?? {
      kind: at(patch, 'kind'),
      name: at(patch, 'metadata', 'name'),
      ...(at(patch, 'metadata', 'namespace') === undefined ? {} : { namespace: at(patch, 'metadata', 'namespace') }),
    };
    if (target === undefined && Array.isArray(patch)) return this.complain(checks.patch, where, 'a list of operations without a target');
    const found = [...this.objects, ...this.own].filter((object) => isTarget(wanted, object));
    if (found.length === 0)
      return this.complain(
        checks.target,
        where,
        `no object is ${
          entries(wanted)
            .map(([key, value]) => `${key} ${text(value)}`)
            .join(', ') || 'meant'
        }`,
      );
    const change = (object: Json): readonly Json[] => {
      if (!found.includes(object)) return [object];
      if (deletes(patch)) return [];
      try {
        return [Array.isArray(patch) ? jsonPatch(object, patch) : mergePatch(object, withoutName(patch, object))];
      } catch (error) {
        if (!(error instanceof PatchRefused)) throw error;
        this.complain(checks.patch, where, `${nameOf(object)}: ${error.message}`);
        return [object];
      }
    };
    this.objects = this.objects.flatMap(change);
    this.own = this.own.flatMap(change);
  }

  images(): void {
    const all = imageEntriesOf(this.kustomization);
    const met = new Set<number>();
    const rewrite = (image: string): string => {
      // One after the other: an entry may be about what an earlier one made.
      all.forEach((entry, index) => {
        if (concerns(entry, rewriteImage(image, all.slice(0, index)))) met.add(index);
      });
      return rewriteImage(image, all);
    };
    const fields = this.imageFields();
    const rewritten = (object: Json): Json =>
      fields
        .filter(({ kind }) => kind === undefined || kind === at(object, 'kind'))
        .reduce(
          (found, { path }) => {
            const image = at(found, ...path);
            return typeof image === 'string'
              ? mergePatch(
                  found,
                  path.reduceRight<Json>((value, key) => ({ [key]: value }), rewrite(image)),
                )
              : found;
          },
          withImages(object, rewrite),
        );
    this.objects = this.objects.map(rewritten);
    this.own = this.own.map(rewritten);
    all.forEach(({ name }, index) => {
      if (!met.has(index)) this.complain(checks.image, `images[${index}].name`, `${name || 'nothing'} is no image of the site`);
    });
  }

  replicas(): void {
    list(at(this.kustomization, 'replicas')).forEach((entry, index) => {
      const scaled = (object: Json): boolean =>
        ['Deployment', 'StatefulSet', 'ReplicaSet', 'ReplicationController'].includes(text(at(object, 'kind'))) &&
        at(object, 'metadata', 'name') === at(entry, 'name');
      if (![...this.objects, ...this.own].some(scaled))
        return this.complain(checks.target, `replicas[${index}].name`, `no workload is called ${text(at(entry, 'name'))}`);
      this.objects = this.objects.map((object) =>
        scaled(object) ? mergePatch(object, { spec: { replicas: at(entry, 'count') } }) : object,
      );
    });
  }

  /** Further fields that hold an image: `spec/imageName` of a kind. */
  imageFields(): readonly { readonly kind: Json; readonly path: readonly string[] }[] {
    return list(at(this.kustomization, 'configurations')).flatMap((path, index) => {
      const where = `configurations[${index}]`;
      const content = this.file(text(path), where);
      const documents = content === undefined ? [] : (this.documents(content, where) ?? []);
      return documents.flatMap((document) =>
        list(at(document, 'images')).map((field) => ({ kind: at(field, 'kind'), path: text(at(field, 'path')).split('/') })),
      );
    });
  }

  fields(): void {
    for (const [field] of entries(this.kustomization))
      if (foreign.includes(field)) this.unseen.push(`${field} of ${overlayFile}`);
      else if (!seen.includes(field)) this.complain(checks.field, field, 'unknown');
  }
}

const nothing = { own: [], secrets: [], unseen: [], ignores: undefined } as const;

/** What the overlay makes of what Berth wrote. Pure: kustomize itself is not asked, as it may not be there. */
export function readOverlay(given: Given): Overlay {
  const content = given.files.get(overlayFile);
  const broken = (found: string): Overlay => ({
    ...nothing,
    objects: given.generated,
    wrong: [{ id: checks.base.id, object: overlayObject, path: overlayFile, found }],
  });
  if (content === undefined) return broken('missing');
  let kustomization: Json;
  try {
    [kustomization] = given.parse(content);
  } catch (error) {
    return broken(`no YAML: ${error instanceof Error ? (error.message.split('\n')[0] ?? '') : ''}`);
  }
  const reading = new Reading(given, kustomization);
  reading.fields();
  reading.resources();
  reading.generators();
  reading.patches();
  reading.replicas();
  reading.images();
  const { objects, own, secrets, wrong, unseen } = reading;
  return { objects, own, secrets, wrong, unseen, ignores: at(kustomization, 'metadata', 'annotations', 'berth/lint-ignore') };
}
