import { countsBefore, drawAgain, drawnAt, retireBefore, revealText, secretVersion } from '../generator/io/ledger.ts';
import type { Ledger } from '../generator/io/ledger.ts';
import { plainSecret } from '../generator/io/plain-secret.ts';
import { rotationOf } from '../generator/plan/rotation.ts';
import type { Rotation } from '../generator/plan/rotation.ts';
import { secretUses } from '../generator/plan/secret-uses.ts';
import type { SecretUse } from '../generator/plan/secret-uses.ts';
import { BerthError } from '../model/errors.ts';
import type { Plan } from '../model/plan.ts';
import { changeSecrets, readLedger } from './change-secrets.ts';
import type { Context } from './context.ts';
import { describeWritten, writtenAsJson } from './describe-written.ts';
import { loadSite } from './site.ts';
import { hang, paint, wrap } from './text.ts';

interface Asked {
  readonly site: string;
  readonly json: boolean;
}

/** @throws BerthError `usage` when the ledger has no secret of this name. */
function refuseUnknown(ledger: Ledger, name: string): void {
  if (!ledger.secrets.has(name))
    throw new BerthError('usage', `there is no secret ${name}`, `write one of: ${[...ledger.secrets.keys()].sort().join(', ')}`);
}

const howOf = ({ service, place, by, form }: SecretUse): string =>
  `${service.name} by ${by === 'variable' ? 'variable' : 'file'} ${place}${form === 'plain' ? '' : `, as ${form}`}`;

/** Of two logins that take turns, the one that the version in force opens. */
function loginOf(plan: Plan, ledger: Ledger, name: string): string | undefined {
  const piece = plan.services
    .flatMap(({ secretEnv }) => Object.values(secretEnv).flat())
    .find((one) => typeof one !== 'string' && one.secret === name && one.login !== undefined);
  return piece && revealText([piece], ledger);
}

function describeOne(plan: Plan, ledger: Ledger, name: string) {
  const uses = secretUses(plan, name);
  const rotation = rotationOf(plan, name);
  const planned = plan.secrets.find((secret) => secret.name === name);
  return {
    name,
    version: secretVersion(ledger, name),
    drawn: drawnAt(ledger, name) ?? null,
    before: countsBefore(ledger, name),
    login: loginOf(plan, ledger, name) ?? null,
    opens: planned?.purpose ?? null,
    runtime: planned?.runtime ?? false,
    usedBy: uses.map(({ service, place, by, form }) => ({ service: service.name, by, place, form })),
    uses,
    rotatable: rotation.possible,
    ...(rotation.possible ? {} : { because: rotation.because }),
  };
}

export function listSecrets({ site, json }: Asked, context: Context): void {
  const { plan } = loadSite(site, context);
  const ledger = readLedger(site);
  const all = [...ledger.secrets.keys()].sort().map((name) => describeOne(plan, ledger, name));
  if (json) return context.out(`${JSON.stringify({ site, secrets: all.map(({ uses: _uses, ...shown }) => shown) }, null, 2)}\n`);
  const style = paint(context.color);
  const width = Math.min(context.columns, 110);
  const text = all.map(({ name, version, drawn, before, login, opens, uses, runtime, because }) => {
    const line = (title: string, said: string) => `  ${title.padEnd(9)}${hang(said, width - 11, ' '.repeat(11))}\n`;
    return [
      `${style('bold', name)}\n`,
      line('version', `${version}, drawn ${drawn === null ? 'before that was written down' : `on ${drawn.slice(0, 10)}`}`),
      ...(before ? [line('as well', `version ${version - 1}, until \`berth secrets retire ${name}\``)] : []),
      ...(opens === null ? [] : [line('opens', login === null ? opens : `${opens}, by the login ${login}`)]),
      line('used by', runtime ? 'the runtime' : uses.length === 0 ? 'nobody any more' : uses.map(howOf).join('; ')),
      ...(because === undefined ? [] : [line('fixed', because)]),
    ].join('');
  });
  context.out(`${text.join('\n')}\n`);
}

function describeRotation(
  name: string,
  version: number,
  { effect, short, gentle, lossless }: Extract<Rotation, { possible: true }>,
  context: Context,
): string {
  const width = Math.min(context.columns, 110);
  const numbered = (steps: readonly string[]) => steps.map((step, index) => `  ${index + 1}. ${hang(step, width - 5, '     ')}\n`).join('');
  const ways = gentle
    ? `${lossless ? 'so that no request fails' : 'so that few requests fail, those that open a connection with the old one meanwhile'}:\n${numbered(gentle)}\nor at once, with a gap of some seconds:\n  ${short.join('\n  ')}\n`
    : `to bring it into force:\n  ${short.join('\n  ')}\n`;
  return `${paint(context.color)('bold', name)} is at version ${version}. Nothing that runs has changed yet; until then the old one counts.\n${wrap(`Then ${effect}.`, width, '')}\n\n${ways}`;
}

/** A new version in the ledger and in every file made of it; whoever runs keeps the old one until what is printed is done. */
export async function rotateSecret({ name, ...asked }: Asked & { readonly name: string }, context: Context): Promise<void> {
  const prepared = await changeSecrets(
    {
      ...asked,
      change: (ledger, plan) => {
        refuseUnknown(ledger, name);
        const rotation = rotationOf(plan, name);
        const secret = plan.secrets.find((one) => one.name === name);
        if (!rotation.possible) throw new BerthError('unsupported', `${name} cannot be drawn anew: ${rotation.because}`, rotation.instead);
        // A third version would take the place of one that is in use.
        if (countsBefore(ledger, name))
          throw new BerthError(
            'unsupported',
            `${name} cannot be drawn anew yet: its last rotation has not come to its end, the version before still counts`,
            `go through what that printed; once every application has the new one, run \`berth secrets retire ${name}\` and \`${rotation.retire?.apply ?? ''}\`, then this again`,
          );
        if (!secret) throw new Error(`${name} is used and not planned`);
        return drawAgain(ledger, secret, context.random, context.now());
      },
    },
    context,
  );
  const rotation = rotationOf(prepared.plan, name);
  if (!rotation.possible) throw new Error(`${name} was drawn anew and should not have been`);
  const version = secretVersion(prepared.ledger, name);
  if (asked.json) {
    const { effect, short, gentle, lossless } = rotation;
    return context.out(
      `${JSON.stringify({ ...writtenAsJson(asked.site, prepared), secret: name, version, effect, short, gentle: gentle ?? null, lossless }, null, 2)}\n`,
    );
  }
  context.out(`${describeWritten(prepared, context)}\n\n${describeRotation(name, version, rotation, context)}`);
}

/** The end of a rotation: the version before counts no more once what is printed is done. */
export async function retireSecret({ name, ...asked }: Asked & { readonly name: string }, context: Context): Promise<void> {
  const prepared = await changeSecrets(
    {
      ...asked,
      change: (ledger) => {
        refuseUnknown(ledger, name);
        if (!countsBefore(ledger, name))
          throw new BerthError(
            'usage',
            `of ${name} the version in force alone counts already`,
            'see `berth secrets list` for those of which the version before counts as well',
          );
        return retireBefore(ledger, name);
      },
    },
    context,
  );
  const rotation = rotationOf(prepared.plan, name);
  const apply = rotation.possible ? rotation.retire?.apply : undefined;
  const before = secretVersion(prepared.ledger, name) - 1;
  if (asked.json)
    return context.out(
      `${JSON.stringify({ ...writtenAsJson(asked.site, prepared), secret: name, retired: before, apply: apply ?? null }, null, 2)}\n`,
    );
  const width = Math.min(context.columns, 110);
  const then =
    apply === undefined
      ? ''
      : `\n${wrap(`Version ${before} of ${paint(context.color)('bold', name)} is let in until this has run, which changes nothing else:`, width, '')}\n  ${apply}\n`;
  context.out(`${describeWritten(prepared, context)}\n${then}`);
}

interface RevealAsked extends Asked {
  readonly name: string;
  readonly force: boolean;
  readonly version?: string;
}

export function revealSecret({ site, json, name, force, version }: RevealAsked, context: Context): void {
  if (!force && (json || !context.terminal))
    throw new BerthError(
      'usage',
      json ? 'a value as JSON ends up in logs' : 'the output goes to a file or a pipe, and a value there stays',
      'type the command on a terminal, or say with --force that it is meant so',
    );
  if (version !== undefined && !/^[1-9]\d{0,5}$/.test(version))
    throw new BerthError('usage', `${version} is no version`, 'write --ledger-version 1 for the first one');
  const ledger = readLedger(site);
  refuseUnknown(ledger, name);
  const value = plainSecret(ledger, name, version === undefined ? undefined : Number(version));
  if (value === undefined)
    throw new BerthError(
      'usage',
      `${name} has no version ${version ?? ''}`,
      `it has ${secretVersion(ledger, name)}; write one from 1 to that`,
    );
  const shown = version === undefined ? secretVersion(ledger, name) : Number(version);
  context.out(json ? `${JSON.stringify({ name, version: shown, value }, null, 2)}\n` : `${value}\n`);
}
