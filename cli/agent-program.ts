import {
  chmodSync,
  constants,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { agentPlaces, agentProgram, programMark } from '../model/backup/site-files.ts';
import { BerthError } from '../model/errors.ts';
import { attempt } from '../generator/io/io-failure.ts';
import { version } from './version.ts';

const folderInSite = '.berth/bin';

/**
 * Gives a site the copy of Berth that its agent runs, in the unchanged image of a database: Node and the program, which need nothing of that
 * image. Does nothing when the copy is there; each file is replaced as a whole, the mark last.
 *
 * @param root - Where Berth is installed.
 */
export function provideProgram(site: string, root: string): void {
  const folder = join(site, folderInSite);
  const dist = join(root, 'dist');
  if (!existsSync(join(dist, 'berth.js')))
    throw new BerthError(
      'io',
      `${join(dist, 'berth.js')} is not there: Berth is not installed whole`,
      'run `npm run build` in its folder, or install it again',
    );
  const node = pinnedNode(root);
  const mark = `${JSON.stringify({ berth: version, program: identify(join(dist, 'berth.js')), node: identify(node) })}\n`;
  const markFile = join(folder, programMark);
  if (existsSync(markFile) && readFileSync(markFile, 'utf8') === mark) return;
  attempt(`copy Berth to ${folder}, where the agent of the databases finds it`, () => {
    mkdirSync(join(folder, 'dist'), { recursive: true });
    // Whoever the agent runs as, and whatever the umask.
    for (const each of [folder, join(folder, 'dist')]) chmodSync(each, 0o755);
    place(node, join(folder, 'node'), 0o755);
    for (const name of readdirSync(dist).filter((each) => /\.(?:c?js|mjs|md)$/.test(each)))
      place(join(dist, name), join(folder, 'dist', name), 0o644);
    putText(join(folder, 'package.json'), '{"type":"module"}\n');
    putText(markFile, mark);
  });
}

/**
 * What makes an image of that copy, for a cluster: nothing is installed in it, so it builds without a network where its base is there.
 *
 * @param base - An image with a `cp`.
 */
export function provideDockerfile(site: string, base: string): void {
  const file = join(site, folderInSite, 'Dockerfile');
  const text = `# Written by Berth. Agents in a cluster copy Berth from this image into the unchanged image of their database: nothing else of it runs there.
FROM ${base}
COPY node package.json ${programMark} ${agentPlaces.program}/
COPY dist ${agentPlaces.program}/dist
ENTRYPOINT ["${agentProgram.join('", "')}"]
CMD ["--version"]
`;
  if (existsSync(file) && readFileSync(file, 'utf8') === text) return;
  attempt(`write ${file}`, () => putText(file, text));
}

function putText(path: string, text: string): void {
  writeFileSync(`${path}.new`, text);
  chmodSync(`${path}.new`, 0o644);
  renameSync(`${path}.new`, path);
}

/** A copied file keeps its length and its time; that is enough to tell another one. */
const identify = (path: string): string => `${statSync(path).size}-${Math.floor(statSync(path).mtimeMs)}`;

function place(from: string, to: string, mode: number): void {
  copyFileSync(from, `${to}.new`, constants.COPYFILE_FICLONE);
  chmodSync(`${to}.new`, mode);
  renameSync(`${to}.new`, to);
}

/** The Node that Berth brings along rests on nothing but the libraries of C and C++; one of a distribution may need more of its own. */
function pinnedNode(root: string): string {
  try {
    const found = join(dirname(createRequire(join(root, 'package.json')).resolve('node/package.json')), 'bin', 'node');
    if (existsSync(found)) return found;
  } catch {
    // Not beside this installation: then it is what runs now.
  }
  return process.execPath;
}
