import { BerthError } from '../../model/errors.ts';
import { beforeOf } from '../../model/planned-secret.ts';
import { authorityPair, serverOfPair } from '../../model/internal-tls.ts';
import type { PlannedSecret, SecretText, SecretVersion } from '../../model/planned-secret.ts';
import { Secret } from '../../model/secret.ts';
import { drawEd25519 } from './draw-key.ts';
import { drawText } from './random-text.ts';
import type { Random } from './random-text.ts';

/** The key pair and certificate of something that speaks TLS. */
export interface KeyPair {
  readonly key: Secret;
  /** PEM; public. */
  readonly certificate: string;
  readonly names: readonly string[];
  /** ISO 8601. */
  readonly notAfter: string;
  readonly version: number;
  /** It was brought by the operator: `certificate` holds the chain up to the authority, and Berth never replaces it by itself. */
  readonly imported?: ImportedAuthority;
}

/** Whom clients have to trust for an imported certificate. */
interface ImportedAuthority {
  /** PEM. */
  readonly root: string;
}

/** Every secret of a site, drawn once and kept with its versions. The file is secrets/ledger.json, 0600. */
export interface Ledger {
  /** Values by name, oldest first; the last one is in force. */
  readonly secrets: ReadonlyMap<string, readonly Secret[]>;
  /** When they were drawn, ISO 8601, in the same order; '' for one of before this was kept. */
  readonly drawn?: ReadonlyMap<string, readonly string[]>;
  /** Of secrets that were rotated so that the version before stayed good. */
  readonly turns?: ReadonlyMap<string, Turn>;
  readonly authority: KeyPair | undefined;
  readonly leaf: KeyPair | undefined;
  /** What services speak TLS with to each other, by service. */
  readonly servers?: ReadonlyMap<string, KeyPair>;
}

/** Where a secret stands that may count in two versions at once. */
export interface Turn {
  /** Whether the version in force opens the second login, where there are two. */
  readonly second: boolean;
  /** Whether the version before still counts. */
  readonly both: boolean;
}

export const ledgerPath = 'secrets/ledger.json';
export const emptyLedger: Ledger = { secrets: new Map(), authority: undefined, leaf: undefined };

interface WrittenPair {
  readonly key: string;
  readonly certificate: string;
  readonly names: readonly string[];
  readonly notAfter: string;
  readonly version: number;
  readonly imported?: ImportedAuthority;
}
interface WrittenLedger {
  readonly version: 1;
  readonly secrets: Readonly<Record<string, readonly string[]>>;
  readonly drawn?: Readonly<Record<string, readonly string[]>>;
  readonly turns?: Readonly<Record<string, Turn>>;
  readonly authority?: WrittenPair;
  readonly leaf?: WrittenPair;
  readonly servers?: Readonly<Record<string, WrittenPair>>;
}

const broken = (why: string, cause?: unknown): BerthError =>
  new BerthError(
    'io',
    `${ledgerPath} cannot be read: ${why}`,
    `restore ${ledgerPath} from your last copy of the site folder: without it new passwords would be drawn that the databases do not know`,
    { cause },
  );

const isMap = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const isText = (value: unknown): value is string => typeof value === 'string' && value.length > 0;
const areTexts = (value: unknown): boolean => Array.isArray(value) && value.every(isText);

const isWrittenPair = (value: unknown): boolean =>
  isMap(value) &&
  isText(value['key']) &&
  isText(value['certificate']) &&
  areTexts(value['names']) &&
  isText(value['notAfter']) &&
  !Number.isNaN(Date.parse(value['notAfter'])) &&
  Number.isInteger(value['version']) &&
  (value['imported'] === undefined || (isMap(value['imported']) && isText(value['imported']['root'])));

const areDates = (value: unknown): boolean =>
  Array.isArray(value) && value.every((date) => typeof date === 'string' && (date === '' || !Number.isNaN(Date.parse(date))));

const isTurn = (value: unknown): boolean => isMap(value) && typeof value['second'] === 'boolean' && typeof value['both'] === 'boolean';

const isWritten = (value: unknown): value is WrittenLedger =>
  isMap(value) &&
  value['version'] === 1 &&
  isMap(value['secrets']) &&
  Object.values(value['secrets']).every((versions) => areTexts(versions) && (versions as unknown[]).length > 0) &&
  (value['drawn'] === undefined || (isMap(value['drawn']) && Object.values(value['drawn']).every(areDates))) &&
  (value['turns'] === undefined || (isMap(value['turns']) && Object.values(value['turns']).every(isTurn))) &&
  (value['servers'] === undefined || (isMap(value['servers']) && Object.values(value['servers']).every(isWrittenPair))) &&
  [value['authority'], value['leaf']].every((keys) => keys === undefined || isWrittenPair(keys));

const read = (written: WrittenPair): KeyPair => ({ ...written, key: new Secret(written.key) });
const pair = (written: WrittenPair | undefined): KeyPair | undefined => written && read(written);

/** @throws BerthError `io` when the text is not a whole ledger; it is never taken for an empty one. */
export function parseLedger(text: string | undefined): Ledger {
  if (text === undefined) return emptyLedger;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    // The parser's message would quote the secrets around the fault.
    throw broken('it is not whole JSON', error instanceof SyntaxError ? undefined : error);
  }
  if (!isWritten(value)) throw broken('it is not a ledger of version 1');
  return {
    secrets: new Map(Object.entries(value.secrets).map(([name, versions]) => [name, versions.map((version) => new Secret(version))])),
    ...(value.drawn === undefined ? {} : { drawn: new Map(Object.entries(value.drawn)) }),
    ...(value.turns === undefined ? {} : { turns: new Map(Object.entries(value.turns)) }),
    authority: pair(value.authority),
    leaf: pair(value.leaf),
    ...(value.servers === undefined
      ? {}
      : { servers: new Map(Object.entries(value.servers).map(([service, written]) => [service, read(written)])) }),
  };
}

const sorted = <T>(map: ReadonlyMap<string, T>): Readonly<Record<string, T>> =>
  Object.fromEntries([...map].sort(([one], [other]) => (one < other ? -1 : 1)));

/** The ledger as text; one of the two places where secrets become plain. */
export function formatLedger(ledger: Ledger): string {
  const plain = ({ key, certificate, names: hosts, notAfter, version, imported }: KeyPair): WrittenPair => ({
    key: key.reveal(),
    certificate,
    names: hosts,
    notAfter,
    version,
    ...(imported ? { imported } : {}),
  });
  const names = [...ledger.secrets.keys()].sort();
  const written = {
    version: 1,
    secrets: Object.fromEntries(names.map((name) => [name, (ledger.secrets.get(name) ?? []).map((secret) => secret.reveal())])),
    ...(ledger.drawn ? { drawn: sorted(ledger.drawn) } : {}),
    ...(ledger.turns ? { turns: sorted(ledger.turns) } : {}),
    authority: ledger.authority && plain(ledger.authority),
    leaf: ledger.leaf && plain(ledger.leaf),
    ...(ledger.servers ? { servers: sorted(new Map([...ledger.servers].map(([service, keys]) => [service, plain(keys)]))) } : {}),
  };
  return `${JSON.stringify(written, null, 2)}\n`;
}

/** One more version of these secrets; the earlier ones stay, as something may still know them. */
export function addVersions(ledger: Ledger, added: readonly (readonly [name: string, value: Secret])[], now: Date): Ledger {
  const before = (name: string): readonly Secret[] => ledger.secrets.get(name) ?? [];
  const dates = (name: string): readonly string[] => ledger.drawn?.get(name) ?? [];
  return {
    ...ledger,
    secrets: new Map([...ledger.secrets, ...added.map(([name, value]) => [name, [...before(name), value]] as const)]),
    drawn: new Map([
      ...(ledger.drawn ?? []),
      ...added.map(([name]) => {
        const unknown = Array.from({ length: before(name).length - dates(name).length }, () => '');
        return [name, [...unknown, ...dates(name), now.toISOString()]] as const;
      }),
    ]),
  };
}

const draw = (ledger: Ledger, needed: readonly PlannedSecret[], random: Random, now: Date): Ledger =>
  addVersions(
    ledger,
    needed.map(({ name, length, key }) => [name, new Secret(key === undefined ? drawText(length, random) : drawEd25519(random))] as const),
    now,
  );

/** Draw what the plan needs and the ledger lacks. What it has stays, also when nothing needs it any more: a volume may still know it. */
export function drawMissing(ledger: Ledger, needed: readonly PlannedSecret[], random: Random, now: Date): Ledger {
  const missing = needed.filter(({ name, supplied }) => supplied === undefined && !ledger.secrets.has(name));
  return missing.length === 0 ? ledger : draw(ledger, missing, random, now);
}

const never: Turn = { second: false, both: false };
const turnOf = (ledger: Ledger, name: string): Turn => ledger.turns?.get(name) ?? never;
const turned = (ledger: Ledger, name: string, turn: Turn): Ledger => ({
  ...ledger,
  turns: new Map([...(ledger.turns ?? []), [name, turn]]),
});

/** Draw a secret anew. Where that can be, the version before stays good beside it. */
export function drawAgain(ledger: Ledger, secret: PlannedSecret, random: Random, now: Date): Ledger {
  const drawn = draw(ledger, [secret], random, now);
  const { name, overlaps } = secret;
  return overlaps ? turned(drawn, name, { second: !turnOf(ledger, name).second, both: true }) : drawn;
}

/** Whether the version before the one in force still counts. */
export const countsBefore = (ledger: Ledger, name: string): boolean => turnOf(ledger, name).both;

/** From now on the version in force alone counts. */
export const retireBefore = (ledger: Ledger, name: string): Ledger => turned(ledger, name, { ...turnOf(ledger, name), both: false });

/** When the version in force was drawn or supplied; `undefined` when the ledger is from before that was kept. */
export const drawnAt = (ledger: Ledger, name: string): string | undefined => {
  const date = ledger.drawn?.get(name)?.at(-1);
  return date === '' ? undefined : date;
};

/** A text made of plain pieces and secrets, in plain; `undefined` where one of them has not been supplied yet. */
export function revealText(text: SecretText, ledger: Ledger): string | undefined {
  const pieces = text.map((piece) => {
    if (typeof piece === 'string') return piece;
    if (piece.login) return piece.login[turnOf(ledger, piece.secret).second ? 1 : 0];
    const value = ledger.secrets.get(piece.secret)?.at(-1)?.reveal();
    return value !== undefined && piece.encoded === 'url' ? encodeURIComponent(value) : value;
  });
  return pieces.includes(undefined) ? undefined : pieces.join('');
}

/** The version that a part of a file asks for; `undefined` where it does not count, or has not been supplied yet. */
export function askedSecret(ledger: Ledger, name: string, asked?: SecretVersion): Secret | undefined {
  const { second, both } = turnOf(ledger, name);
  const inForce = asked === undefined || asked === (second ? 'second' : 'first');
  return inForce || both ? ledger.secrets.get(name)?.at(inForce ? -1 : -2) : undefined;
}

/** What opens the first of two logins, or did when it last counted: an operator of the cluster wants it to have one. */
export const firstSecret = (ledger: Ledger, name: string): Secret | undefined =>
  ledger.secrets.get(name)?.at(turnOf(ledger, name).second ? -2 : -1);

/** The value in force. */
export function currentSecret(ledger: Ledger, name: string): Secret {
  const secret = ledger.secrets.get(name)?.at(-1);
  if (!secret) throw new Error(`the ledger has no secret ${name}`);
  return secret;
}

const pairOf = (ledger: Ledger, name: string): KeyPair | undefined => {
  if (name === authorityPair) return ledger.authority;
  const server = serverOfPair(name);
  return server === undefined ? undefined : ledger.servers?.get(server);
};

/** How often a secret was drawn: enters config hashes, so that a new one recreates its users and no hash tells anything about it. */
export const secretVersion = (ledger: Ledger, name: string): number =>
  pairOf(ledger, name)?.version ??
  ledger.secrets.get(name)?.length ??
  Number([...(ledger.turns ?? [])].some(([secret, { both }]) => both && beforeOf(secret) === name));
