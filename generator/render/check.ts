import { parseDocument } from 'yaml';
import type { Artifact } from '../../model/artifact.ts';
import { readPlainYaml } from '../../model/plain-yaml.ts';

/** A rendered file that nothing could read. Always a defect of a template, never the operator's. */
const defect = (path: string, what: string): never => {
  throw new Error(`rendered ${path} is wrong: ${what}`);
};

interface ComposeFile {
  readonly services: Readonly<
    Record<
      string,
      {
        readonly depends_on?: Readonly<Record<string, unknown>>;
        readonly networks?: readonly string[] | Readonly<Record<string, unknown>>;
        readonly secrets?: readonly string[];
        readonly profiles?: readonly string[];
        readonly volumes?: readonly { readonly type: string; readonly source: string }[];
      }
    >
  >;
  readonly networks?: Readonly<Record<string, unknown>>;
  readonly secrets?: Readonly<Record<string, { readonly file: string }>>;
  readonly volumes?: Readonly<Record<string, unknown>>;
}

/** Parse YAML and JSON artifacts back: a template that let a value break out shows here, before anything is written. */
export function checkParses(artifacts: readonly Artifact[]): void {
  for (const { path, content } of artifacts) {
    if (/\.ya?ml$/.test(path))
      for (const text of content.split(/^---$/m).filter((part) => /^[^#\n]/m.test(part))) {
        if (readPlainYaml(text) !== undefined) continue;
        const [error] = parseDocument(text, { uniqueKeys: true }).errors;
        if (error) defect(path, error.message);
      }
    if (path.endsWith('.json')) JSON.parse(content);
  }
}

/**
 * Every name that compose.yaml refers to exists in it, and every mounted file is one that Berth writes.
 *
 * @param given - What is mounted and comes from elsewhere.
 */
export function checkComposeReferences(compose: string, paths: ReadonlySet<string>, given: ReadonlySet<string> = new Set()): void {
  const file = (readPlainYaml(compose) ?? parseDocument(compose, { uniqueKeys: true }).toJS()) as ComposeFile;
  const folders = new Set([...paths].map((path) => path.slice(0, path.lastIndexOf('/'))));
  for (const [name, service] of Object.entries(file.services)) {
    for (const dependency of Object.keys(service.depends_on ?? {})) {
      if (!file.services[dependency]) defect('compose.yaml', `${name} depends on ${dependency}, which is not there`);
      const slot = file.services[dependency]?.profiles;
      if (slot && slot.join() !== service.profiles?.join()) defect('compose.yaml', `${name} depends on the slot ${dependency}`);
    }
    const networks = service.networks ?? [];
    for (const network of Array.isArray(networks) ? (networks as readonly string[]) : Object.keys(networks))
      if (!(network in (file.networks ?? {}))) defect('compose.yaml', `${name} joins network ${network}, which is not there`);
    for (const secret of service.secrets ?? [])
      if (!paths.has((file.secrets?.[secret]?.file ?? '').replace(/^\.\//, '')))
        defect('compose.yaml', `${name} wants secret ${secret}, which nobody writes`);
    for (const volume of service.volumes ?? []) {
      if (volume.type === 'volume' && !(volume.source in (file.volumes ?? {})))
        defect('compose.yaml', `${name} mounts volume ${volume.source}, which is not there`);
      if (volume.type === 'bind' && ![folders, given].some((known) => known.has(volume.source.replace(/^\.\//, ''))))
        defect('compose.yaml', `${name} mounts ${volume.source}, in which Berth writes nothing`);
    }
  }
}
