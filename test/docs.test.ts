import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { Command } from 'commander';
import { describe, expect, test } from 'vitest';
import { parseRelease } from '../generator/spec/parse-release.ts';
import { parseSpec } from '../generator/spec/parse-spec.ts';
import { specJsonSchema } from '../generator/spec/json-schema.ts';
import { EXIT, exitMeaning } from '../model/errors.ts';
import { longestServiceName, reservedNames } from '../model/names.ts';
import { slots, writtenRelease } from '../model/release.ts';
import type { StackSpec } from '../model/stack-spec.ts';

const pages = [...globSync('*.md'), ...globSync('docs/**/*.md'), ...globSync('examples/*/README.md')].map(normalize).sort();
const read = (page: string): string => readFileSync(page, 'utf8');
const without = (text: string, pattern: RegExp): string => text.replaceAll(pattern, '');
const fences = /^( *)```([^\n]*)\n([\s\S]*?)^\1```$/gm;

/** Blocks between fences, with what stands after the opening one; their indent is taken off. */
const blocks = (page: string): readonly { readonly page: string; readonly info: string; readonly text: string }[] =>
  [...read(page).matchAll(fences)].map(([, indent = '', info = '', text = '']) => ({
    page,
    info,
    text: without(text, new RegExp(`^${indent}`, 'gm')),
  }));
const marked = (info: string) => pages.flatMap(blocks).filter((block) => block.info === info);

/** The rows of the table that follows a heading, as cells. */
function tableUnder(page: string, heading: string): readonly (readonly string[])[] {
  const part =
    read(page)
      .split(/^## /m)
      .find((section) => section.startsWith(`${heading}\n`)) ?? '';
  return rowsIn(part);
}
const tableFrom = (page: string): readonly (readonly string[])[] => rowsIn(read(page));
const rowsIn = (text: string): readonly (readonly string[])[] =>
  text
    .split('\n')
    .filter((line) => line.startsWith('| '))
    .slice(1)
    .map((line) => line.slice(2, -2).split(/(?<!\\) \| /));

/** The anchor that a heading gets on the usual hosts. */
const anchorOf = (heading: string): string =>
  without(heading.toLowerCase(), /[^\p{L}\p{N}\s_-]/gu)
    .trim()
    .replaceAll(' ', '-');
const anchors = (page: string): ReadonlySet<string> =>
  new Set([...without(read(page), fences).matchAll(/^#+ (.+)$/gm)].map((match) => anchorOf(match[1] ?? '')));

describe('links', () => {
  test.each(pages)('of %s lead somewhere', (page) => {
    const links = [...without(read(page), fences).matchAll(/\]\(([^)\s]+)\)/g)].map((match) => match[1] ?? '');
    const broken = links.filter((link) => {
      if (/^https?:/.test(link)) return !URL.canParse(link);
      const [path = '', anchor] = link.split('#', 2);
      const target = path === '' ? page : normalize(join(dirname(page), path));
      return !existsSync(target) || (anchor !== undefined && !anchors(target).has(anchor));
    });
    expect(broken).toEqual([]);
  });

  test('lead from the README to every page of docs/', () => {
    const linked = new Set([...read('README.md').matchAll(/\]\(([^)#\s]+)/g)].map((match) => match[1]));
    expect(
      globSync('docs/**/*.md')
        .map(normalize)
        .filter((page) => !linked.has(page)),
    ).toEqual([]);
  });
});

describe('what can go wrong with backups', () => {
  const rows = tableFrom('docs/reference/failure-modes.md');
  test('is numbered, and nothing of it is left out', () => {
    expect(rows.map(([no]) => Number(no))).toEqual(Array.from({ length: 32 }, (_, index) => index + 1));
  });

  test.each(rows)('%s, %s: is shown by tests that are there, or not there yet', (_no, _what, then = '', shown = '') => {
    const named = [...shown.matchAll(/`([^:`]+): ([^`]+)`/g)].map(([, file = '', title = '']) => ({ file: `test/${file}.test.ts`, title }));
    expect(named.filter(({ file, title }) => !existsSync(file) || !read(file).includes(title))).toEqual([]);
    expect(named.length > 0 || then.startsWith('Not yet: ')).toBe(true);
  });
});

describe('the README', () => {
  test('lists the exit codes as the program means them', () => {
    const codes = Object.entries(EXIT).map(([kind, number]) => [String(number), exitMeaning[kind as keyof typeof EXIT]]);
    expect(tableUnder('README.md', 'Exit codes')).toEqual(codes);
  });

  test('lists every command of the program, and no other', async () => {
    const listed = tableUnder('README.md', 'Commands').map(([cell = '']) => /`berth ([a-z]+)/.exec(cell)?.[1] ?? '');
    expect([...new Set(listed)].sort()).toEqual((await program()).commands.map((command) => command.name()).sort());
  });
});

/** The program's own command tree, with actions that do nothing. */
async function program(): Promise<Command> {
  const tree = new Command('berth')
    .exitOverride()
    .version('0', '--version')
    .helpOption('--help')
    .helpCommand(false)
    .configureOutput({ writeOut: () => {}, writeErr: () => {} });
  for (const file of globSync('cli/*.ts').sort()) {
    if (!/\.command\('/.test(read(file))) continue;
    const verb = (await import(join(process.cwd(), file))) as Readonly<Record<string, unknown>>;
    for (const [name, add] of Object.entries(verb))
      if (/^add[A-Z]/.test(name)) (add as (...values: unknown[]) => void)(tree, () => Promise.resolve(), {});
  }
  for (const command of tree.commands)
    command
      .exitOverride()
      .helpOption('--help')
      .configureOutput({ writeOut: () => {}, writeErr: () => {} });
  return tree;
}

/** `berth …` as a person would type it: a line of a shell block, or code in a sentence. What follows a pipe, `&&`, `>` or # is another command or none. */
function* commandLines(): Iterable<{ readonly page: string; readonly line: string }> {
  for (const page of [...pages, 'templates/site/SITE.md.hbs']) {
    const lines = [
      ...blocks(page)
        .filter(({ info }) => info === 'sh')
        .flatMap(({ text }) => text.split('\n')),
      ...[...without(read(page), fences).matchAll(/`([^`\n]+)`/g)].map((match) => match[1] ?? ''),
    ];
    for (const line of lines.flatMap((text) => text.split(/&&|\|| > /))) {
      const found = /^\s*(?:npx )?berth( [^#…]*)?$/.exec(line.split(' #')[0] ?? '');
      if (found && /^ +[a-z-]/.test(found[1] ?? '') && !/^ +(needs|works)\b/.test(found[1] ?? ''))
        yield { page, line: (found[1] ?? '').trim() };
    }
  }
}

/** The error of commander when it refuses a command line; `undefined` when it takes it. */
async function refusal(line: string): Promise<string | undefined> {
  try {
    await (await program()).parseAsync(['node', 'berth', ...line.replaceAll(/[[\]]/g, '').split(/\s+/)]);
    return undefined;
  } catch (error) {
    const { exitCode, message } = error as { readonly exitCode?: number; readonly message: string };
    return exitCode === 0 ? undefined : message;
  }
}

describe('commands in the documents', () => {
  const lines = [...commandLines()];

  test('are found at all', () => {
    expect(lines.length).toBeGreaterThan(20);
  });

  test('are taken by the program', async () => {
    const refused = await Promise.all(lines.map(async ({ page, line }) => ({ page, line, message: await refusal(line) })));
    expect(refused.filter(({ message }) => message !== undefined)).toEqual([]);
  });

  test('would be refused with a verb or flag that the program does not know', async () => {
    expect(await refusal('frobnicate')).toContain('unknown command');
    expect(await refusal('plan --verbose')).toContain('unknown option');
  });

  test('of npm are scripts of package.json', () => {
    const { scripts } = JSON.parse(read('package.json')) as { readonly scripts: Readonly<Record<string, string>> };
    const named = pages.flatMap((page) =>
      [...read(page).matchAll(/npm (?:run ([a-z:]+)|(test))/g)].map((match) => match[1] ?? match[2] ?? ''),
    );
    expect([...new Set(named)].filter((name) => scripts[name] === undefined)).toEqual([]);
  });
});

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
function specOf(text: string): StackSpec {
  const parsed = parseSpec(bytes(text), 'berth.yaml');
  if (!parsed.ok) throw new Error(parsed.problems.map((problem) => `${problem.line}: ${problem.path}: ${problem.message}`).join('\n'));
  return parsed.value;
}

describe('examples in the documents', () => {
  test.each(marked('yaml spec'))('of a spec, in $page, parse', ({ text }) => {
    expect(specOf(text).services.length).toBeGreaterThan(0);
  });

  test.each(marked('yaml release'))('of a release, in $page, parse', ({ text }) => {
    const spec = specOf(
      'apiVersion: berth/v1\nname: shop\nprofile: recommended\nservices: { web: { image: "registry.example/shop:1.4.2", port: 8080 } }\n',
    );
    expect(parseRelease(bytes(text), 'release.yaml', spec)).toMatchObject({ ok: true });
  });

  test('name a version of every image', () => {
    const untagged = pages.flatMap((page) =>
      [...read(page).matchAll(/(?:image:\s*"?|--set \S+\.image=)([^\s",}]+)/g)]
        .map((match) => match[1] ?? '')
        .filter((image) => !/:[^/:]+$/.test(image) || image.endsWith(':latest'))
        .map((image) => `${page}: ${image}`),
    );
    expect(untagged).toEqual([]);
    expect(pages.filter((page) => /:latest\b/.test(read(page)))).toEqual([]);
  });
});

test('the messages that the guide explains are ones the program prints', () => {
  const sources = [...globSync(['cli/**', 'generator/**', 'model/**'].map((folder) => `${folder}/*.{ts,js}`))].map(read).join('\n');
  const messages = tableUnder('docs/guide.md', 'Trouble, by message')
    .filter(([message = '']) => !/\((Docker|npm)\)/.test(message))
    .flatMap(([message = '']) => [...message.matchAll(/`([^`]+)`/g)].map((match) => match[1] ?? ''));
  expect(messages.length).toBeGreaterThan(10);
  const strange = messages.filter(
    (message) =>
      !message
        .split('…')
        .map((piece) => piece.trim())
        .every((piece) => piece.length < 3 || sources.includes(piece)),
  );
  expect(strange).toEqual([]);
});

test('the terms of the glossary stand once each, in order', () => {
  const terms = read('docs/glossary.md')
    .split('\n')
    .filter((line) => line.startsWith('| '))
    .slice(1)
    .map((line) => line.split(' | ')[0]?.slice(2) ?? '');
  expect(terms.length).toBeGreaterThan(20);
  expect(terms).toEqual([...new Set(terms)].sort((a, b) => a.localeCompare(b, 'en')));
});

test('the reference of release.yaml names every key', () => {
  const service = writtenRelease.shape.services.valueType.shape;
  const keys = [...Object.keys(writtenRelease.shape), ...Object.keys(service), ...Object.keys(service.blue.unwrap().shape)];
  expect(Object.keys(service)).toEqual([...slots, 'migrations']);
  const page = read('docs/reference/release.md');
  expect(keys.filter((key) => !new RegExp(`^\\| .*\`[^\`]*\\b${key}\``, 'm').test(page))).toEqual([]);
});

// ── The reference of berth.yaml, made from its JSON Schema ────────────────────────────────────────────────────────

interface Schema {
  readonly $ref?: string;
  readonly $defs?: Readonly<Record<string, Schema>>;
  readonly type?: string | readonly string[];
  readonly const?: string;
  readonly enum?: readonly string[];
  readonly anyOf?: readonly Schema[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly items?: Schema;
  readonly additionalProperties?: Schema | boolean;
  readonly description?: string;
  readonly examples?: readonly unknown[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly pattern?: string;
}

const code = (value: unknown): string => `\`${typeof value === 'string' ? value : JSON.stringify(value)}\``;
const nameOf = (ref: string): string => ref.slice(ref.lastIndexOf('/') + 1);
const headingOf = (definition: string): string => without(definition.replaceAll(/(?<=[a-z])(?=[A-Z])/g, ' '), /^ /g);
const linkTo = (definition: string): string => `[${headingOf(definition)}](#${anchorOf(headingOf(definition))})`;

function typeOf(schema: Schema): string {
  if (schema.$ref) return linkTo(nameOf(schema.$ref));
  if (schema.const !== undefined) return code(schema.const);
  if (schema.enum) return schema.enum.map(code).join(', ');
  if (schema.anyOf) return schema.anyOf.map(typeOf).join(', or ');
  if (schema.type === 'array')
    return `list of ${schema.items && (schema.items.$ref || schema.items.type === 'integer') ? typeOf(schema.items) : 'text'}`;
  if (schema.type === 'object')
    return typeof schema.additionalProperties === 'object' ? `map of ${typeOf(schema.additionalProperties)}` : 'map';
  if (schema.examples) return `such as ${schema.examples.map(code).join(', ')}`;
  if (schema.type === 'integer') return `whole number, ${schema.minimum ?? ''} to ${schema.maximum ?? ''}`;
  return ({ string: 'text', boolean: 'true, false' } as Readonly<Record<string, string>>)[String(schema.type)] ?? String(schema.type);
}

const implied = 'Default: ';
function rowOf(definition: string, key: string, schema: Schema, required: boolean): string {
  const text = schema.description ?? '';
  const at = text.lastIndexOf(implied);
  const fallback = at < 0 ? (/profile's/.test(text) ? "the profile's" : 'none') : without(text.slice(at + implied.length), /\.$/g);
  const meaning = (at < 0 ? text : text.slice(0, at)).trim();
  if (meaning === '') throw new Error(`nothing says what ${definition}.${key} means: add a description to model/written-spec.ts`);
  return `| \`${key}\` | ${typeOf(schema)} | ${required ? 'required' : fallback} | ${meaning} |`;
}

function tableOf(definition: string, schema: Schema): string {
  const rows = Object.entries(schema.properties ?? {}).map(([key, property]) =>
    rowOf(definition, key, property, schema.required?.includes(key) ?? false),
  );
  return ['| key | type | default | meaning |', '|---|---|---|---|', ...rows].join('\n');
}

describe('the reference of berth.yaml', () => {
  const schema = JSON.parse(specJsonSchema()) as Schema;
  const definitions = Object.entries(schema.$defs ?? {});

  test('says what every key means, and is what the schema says', async () => {
    const text = `# berth.yaml

Made from the schema by \`npm run golden\`; a test fails when it is stale. Editors get the same from \`.berth/berth.schema.json\`, which the first line of the file names.

The file is YAML 1.2: one document of text, numbers, true and false, lists and maps, at most 1 MiB. Anchors and aliases may stand for whole values; merge keys and tags may not.
An unknown key is an error. Sizes are written as \`512Mi\`, \`16Gi\`, \`2Ti\` (powers of 1024) or \`500M\`, \`2G\` (powers of 1000); CPUs as \`2\`, \`0.5\` or \`500m\`; durations as \`30s\`, \`5m\`, \`2h\`, \`7d\`.

A whole spec, that of the sample application:

\`\`\`yaml spec
${read('examples/hello/berth.yaml').trim()}
\`\`\`

## Top level

${tableOf('', schema)}

Names of services, databases, caches and stores are DNS labels that begin with a letter, at most ${longestServiceName} characters, and share one set of names. Some are taken by the parts that Berth adds:
${reservedNames.map(code).join(', ')}.
${definitions.map(([name, definition]) => `\n## ${headingOf(name)}\n\n${tableOf(name, definition)}\n`).join('')}
## What an application is given

Variables that Berth sets, and the spec may not:

| variable | value |
|---|---|
| \`PORT\` | \`port\` |
| \`APP_VERSION\` | the tag of the image in its slot |
| \`BERTH_SLOT\` | \`blue\` or \`green\` |
| \`BERTH_SITE\`, \`BERTH_DOMAIN\` | \`name\` and \`domain\` |
| \`DATABASE_POOL_SIZE\` | its pool, when it uses a database: for writing and for reading together. With \`runtime: python\`, that of one worker |

What \`runtime\` adds. Of these the spec may set its own under \`env\`, and what it sets holds; \`berth explain\` has the reason for each number.

| runtime | variable | value |
|---|---|---|
| \`node\` | \`NODE_OPTIONS\` | the heap |
| \`python\` | \`WEB_CONCURRENCY\` | with a port: workers of gunicorn or uvicorn, by CPU, memory and \`pool\`. An option such as \`--workers\` in the command goes before it; say the same number here then. A program that hands uvicorn an object, or is served by something else, is one process: \`"1"\`. Without a port it counts as 1: a worker that forks says its number |
| | \`PYTHON_CPU_COUNT\`, \`OMP_NUM_THREADS\`, \`MALLOC_ARENA_MAX\` | CPUs that Python 3.13 and newer count, threads of each worker's libraries, pools of memory of the C library |
| | \`PYTHONUNBUFFERED\` | 1: each line of the log at once |
| \`java\` | \`JAVA_TOOL_OPTIONS\` | the heap as part of the limit, bounds for classes, compiled code and direct memory, processors, and an end at the first error of memory. Options in the command go before it. The JVM names it in its first line |
| \`go\` | \`GOMEMLIMIT\`, \`GOMAXPROCS\` | memory to keep to, and threads at work; Go 1.25 and newer find the second by themselves, no version finds the first |

A JVM reads neither authorities nor proxy from variables: what \`trust\` and \`proxy\` of the spec say is for its command to name.

Under \`uses\`, a list takes the usual names and a map names them. Two of one kind need a map, so that each has a variable of its own.

| it uses | variables |
|---|---|
| a database | \`DATABASE_URL\`: \`postgres://ACCOUNT:PASSWORD@NAME:5432/DATABASE\`, or \`mysql://ACCOUNT:PASSWORD@NAME:3306/DATABASE\` for MySQL and MariaDB, or \`mongodb://ACCOUNT:PASSWORD@NAME:27017/DATABASE?replicaSet=rs0&authSource=DATABASE\` for MongoDB (of a set with all three members, and \`w=majority\`), or \`sqlserver://ACCOUNT:PASSWORD@NAME:1433?database=DATABASE&encrypt=true&TrustServerCertificate=true\` for SQL Server |
| the same, for reading | \`DATABASE_READ_URL\`: the address of the replica, of several \`NAME-read\`, of a set of MongoDB the members with \`readPreference=secondaryPreferred\`; without one it equals \`DATABASE_URL\`. The name follows that of the other: \`X_URL\` gives \`X_READ_URL\` |
| \`NAME-analytics\` | \`DATABASE_ANALYTICS_URL\`: the address of the replica for analytics |
| a cache | \`REDIS_URL\`: \`redis://app:PASSWORD@NAME:6379/0\`, or for Memcached \`MEMCACHED_URL\`: \`memcached://NAME:11211\` |
| a cache with \`client: sentinel\` | \`REDIS_SENTINELS\`: \`NAME-sentinel-0:26379,NAME-sentinel-1:26379,NAME-sentinel-2:26379\`, \`REDIS_SENTINEL_MASTER\`: \`NAME\`, \`REDIS_USERNAME\`, \`REDIS_PASSWORD\`; \`X_URL\` gives \`X_SENTINELS\` and so on |
| a cache with \`client: cluster\` | \`REDIS_CLUSTER_NODES\`: \`NAME-shard-0-0:6379,NAME-shard-0-1:6379,…\`, all six, \`REDIS_USERNAME\`, \`REDIS_PASSWORD\`; \`X_URL\` gives \`X_CLUSTER_NODES\` and so on |
| a store | \`S3_ENDPOINT\`, \`S3_REGION\`, \`S3_ACCESS_KEY\`, \`S3_SECRET_KEY\`, and \`S3_BUCKET\`; with several buckets \`S3_BUCKET_NAME\` for each; \`S3_PUBLIC_ENDPOINT\` where a store has a public host, for addresses that are signed |

With \`internalTls\` the addresses say so: \`sslmode=verify-full\` with the file of the authority, \`tls=true&tlsCAFile=…\`, \`rediss://\`, \`https://\`. Those of MySQL and MariaDB end as [drivers of the runtime](../guide.md#between-services) read them, and \`DATABASE_URL_TLS\` and \`DATABASE_URL_CA\` say it as well; where there is no URL, \`REDIS_TLS\` and \`REDIS_CA\` do.
`;
    await expect(text).toMatchFileSnapshot('../docs/reference/spec.md');
  });
});
