import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

/** Packages among the inputs of a bundle. */
const packagesOf = (inputs: readonly string[]): readonly string[] =>
  [...new Set(inputs.flatMap((input) => /.*node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(input)?.[1] ?? []))].sort();

function describe(name: string): string {
  const folder = join('node_modules', name);
  const { version, license } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as { version: string; license?: string };
  const texts = readdirSync(folder)
    .filter((file) => /^(licen[cs]e|copying|notice)/i.test(file))
    .sort()
    .map((file) => readFileSync(join(folder, file), 'utf8').trim());
  return `${name} ${version} (${license ?? 'see its text'})\n\n${texts.join('\n\n') || 'The package holds no text of its licence.'}\n`;
}

/** The licences of every library that a bundle holds, as they ask to be handed on. */
export const licencesOf = (inputs: readonly string[]): string =>
  `Libraries in this folder, with their licences.\n\n${packagesOf(inputs)
    .map(describe)
    .join(`\n${'-'.repeat(80)}\n\n`)}`;
