import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { imageCatalogue } from '../../model/image-catalogue.ts';
import type { ImageCatalogue } from '../../model/image-catalogue.ts';
import { hardwareProfile } from '../../model/profile.ts';
import type { HardwareProfile } from '../../model/profile.ts';
import type { ProfileName } from '../../model/stack-spec.ts';

/** Berth's own data files, read where the program is installed. `root` is the folder that holds templates/ and images.yaml. */
export interface Assets {
  readonly templates: ReadonlyMap<string, string>;
  readonly images: ImageCatalogue;
  readonly profile: (name: ProfileName) => HardwareProfile;
}

function readTree(folder: string, prefix = ''): [string, string][] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry): [string, string][] =>
    entry.isDirectory()
      ? readTree(join(folder, entry.name), `${prefix}${entry.name}/`)
      : [[`${prefix}${entry.name}`, readFileSync(join(folder, entry.name), 'utf8')]],
  );
}

/** These files are ours: one that does not parse is a defect, not the operator's mistake. */
export function readAssets(root: string): Assets {
  return {
    templates: new Map(readTree(join(root, 'templates'))),
    images: imageCatalogue.parse(parse(readFileSync(join(root, 'images.yaml'), 'utf8'))),
    profile: (name) => hardwareProfile.parse(parse(readFileSync(join(root, 'hardware-profiles', `${name}.yaml`), 'utf8'))),
  };
}
