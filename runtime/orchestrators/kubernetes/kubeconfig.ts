import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import type { Cluster, Context, User } from '@kubernetes/client-node';
import { BerthError } from '../../../model/errors.ts';

interface Kubeconfig {
  readonly clusters: Cluster[];
  readonly users: User[];
  readonly contexts: Context[];
  readonly currentContext: string;
}

/** As the library's YAML parser throws it. */
interface YamlProblem extends Error {
  readonly reason: string;
  readonly mark?: { readonly line: number; readonly column: number };
}

const isYamlProblem = (error: unknown): error is YamlProblem => error instanceof Error && error.name === 'YAMLException';
const cure = 'correct the file, or get a new kubeconfig from whoever runs the cluster';

function unreadable(file: string, error: unknown): BerthError {
  if (isYamlProblem(error)) {
    const [line, column] = [(error.mark?.line ?? 0) + 1, (error.mark?.column ?? 0) + 1];
    return new BerthError('unreachable', `the kubeconfig ${file} is no YAML: line ${line}, column ${column}: ${error.reason}`, cure, {
      problems: [{ file, line, column, path: '', message: error.reason, hint: cure }],
    });
  }
  const code = (error as NodeJS.ErrnoException).code;
  if (code !== undefined)
    return new BerthError(
      'io',
      `cannot read the kubeconfig ${file}: ${code}`,
      'make the file readable for you, or name another one with --kubeconfig FILE',
      { cause: error },
    );
  return new BerthError('unreachable', `the kubeconfig ${file} is not one: ${(error as Error).message}`, cure, { cause: error });
}

/** The library reads `token-file`; the files have `tokenFile`. */
function tokenOf(name: string, document: unknown, folder: string): string | undefined {
  const users =
    (document as { readonly users?: readonly { readonly name?: string; readonly user?: { readonly tokenFile?: string } }[] }).users ?? [];
  const file = users.find((user) => user.name === name)?.user?.tokenFile;
  return file === undefined ? undefined : readFileSync(resolve(folder, file), 'utf8').trim();
}

async function readOne(file: string): Promise<Kubeconfig> {
  const { KubeConfig, loadYaml } = await import('@kubernetes/client-node');
  const config = new KubeConfig();
  try {
    const document: unknown = loadYaml(readFileSync(file, 'utf8'));
    if (typeof document !== 'object' || document === null || Array.isArray(document))
      throw new Error('expected clusters, users and contexts');
    config.loadFromFile(file);
    const folder = dirname(file);
    return {
      clusters: config.clusters,
      users: config.users.map((user) => {
        const token = user.token ?? tokenOf(user.name, document, folder);
        return token === undefined ? user : { ...user, token: token.trim() };
      }),
      contexts: config.contexts,
      currentContext: config.currentContext,
    };
  } catch (error) {
    throw unreadable(file, error);
  }
}

/** As kubectl merges several: the first to say something is right. The library refuses two of one name. */
const firstOf = <T extends { readonly name: string }>(lists: readonly (readonly T[])[]): T[] => [
  ...new Map(
    lists
      .flat()
      .toReversed()
      .map((one) => [one.name, one]),
  ).values(),
];

export async function readKubeconfig(files: readonly string[]): Promise<Kubeconfig> {
  const read = await Promise.all(files.map(readOne));
  return {
    clusters: firstOf(read.map(({ clusters }) => clusters)),
    users: firstOf(read.map(({ users }) => users)),
    contexts: firstOf(read.map(({ contexts }) => contexts)).toReversed(),
    currentContext: read.map(({ currentContext }) => currentContext).find((name) => name !== undefined && name !== '') ?? '',
  };
}
