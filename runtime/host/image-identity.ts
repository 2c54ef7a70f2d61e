import { isKnown, notKnown } from '../../model/host-state.ts';
import type { Seen } from '../../model/host-state.ts';
import { json, outputOf } from './view.ts';
import type { HostView } from './view.ts';

/** What an engine calls an image by. */
export interface ImageIdentity {
  readonly reference: string;
  /** Absent when the engine does not have it. */
  readonly here?: {
    /** Hash of the configuration, or of the manifest where the engine stores images as containerd does. */
    readonly id: string;
    /** What registries called it; none after `docker load`. */
    readonly digests: readonly string[];
    readonly platform: string;
  };
}

/** Asks the engine for each of these images. */
export async function readIdentities(view: HostView, references: readonly string[]): Promise<Seen<readonly ImageIdentity[]>> {
  const found: ImageIdentity[] = [];
  for (const reference of references) {
    const text = await outputOf(view, 'docker', 'image', 'inspect', reference);
    if (!isKnown(text) && !/no such image/i.test(text.notKnown)) return notKnown(text.notKnown);
    const image = isKnown(text) ? json(text).list[0] : undefined;
    const parts = ['Os', 'Architecture', 'Variant'].map((key) => image?.at(key).text ?? '').filter((part) => part !== '');
    const digests = image?.at('RepoDigests').list.map((digest) => digest.text.split('@')[1] ?? '') ?? [];
    found.push(image ? { reference, here: { id: image.at('Id').text, digests, platform: parts.join('/') } } : { reference });
  }
  return found;
}
