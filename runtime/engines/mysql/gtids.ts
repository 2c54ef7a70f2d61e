import { BerthError } from '../../../model/errors.ts';

/** Transactions, in the words of one engine. */
export interface GtidSet {
  readonly has: (gtid: string) => boolean;
  /** Puts it into this very set. */
  readonly add: (gtid: string) => void;
  /** Whether all of the other are in it. */
  readonly covers: (other: GtidSet) => boolean;
  readonly copy: () => GtidSet;
  /** As the server takes it; the same for the same transactions. */
  readonly toString: () => string;
}

const malformed = (text: string): BerthError =>
  new BerthError(
    'usage',
    `${text} is no transaction, or list of them`,
    'write it as the server does: SHOW BINARY LOG STATUS, or SELECT @@gtid_binlog_pos',
  );

/** From one number to another, both in it. */
interface Interval {
  from: bigint;
  to: bigint;
}

/** MySQL: numbers a source, in intervals: `3e11fa47-…:1-5:7,other:1-9`. A source may have tags, which count for themselves: `3e11fa47-…:1-5:tag:1`. */
export class MysqlGtids implements GtidSet {
  readonly #sources = new Map<string, Interval[]>();

  static parse(text: string): MysqlGtids {
    const set = new MysqlGtids();
    for (const one of text.replaceAll(/\s/g, '').split(',')) if (one !== '') set.#parseSource(one);
    return set;
  }

  #parseSource(one: string): void {
    const [uuid = '', ...parts] = one.toLowerCase().split(':');
    if (!/^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(uuid) || parts.length === 0) throw malformed(one);
    let source = uuid;
    for (const part of parts) {
      const [, from, to] = /^([1-9]\d*)(?:-([1-9]\d*))?$/.exec(part) ?? [];
      if (from !== undefined) this.addRange(source, BigInt(from), BigInt(to ?? from));
      else if (/^[a-z_][a-z0-9_]{0,31}$/.test(part)) source = `${uuid}:${part}`;
      else throw malformed(one);
    }
  }

  addRange(source: string, from: bigint, to: bigint): void {
    const intervals = this.#sources.get(source) ?? [];
    const last = intervals.at(-1);
    if (last !== undefined && from === last.to + 1n) {
      last.to = to;
      return;
    }
    const merged: Interval[] = [];
    const sorted = [...intervals, { from, to }].sort((a, b) => (a.from < b.from ? -1 : 1));
    for (const each of sorted) {
      const before = merged.at(-1);
      if (before !== undefined && each.from <= before.to + 1n) before.to = each.to > before.to ? each.to : before.to;
      else merged.push({ ...each });
    }
    this.#sources.set(source, merged);
  }

  has = (gtid: string): boolean => {
    const { source, number } = split(gtid);
    return this.#holds(source, number, number);
  };

  add = (gtid: string): void => {
    const { source, number } = split(gtid);
    this.addRange(source, number, number);
  };

  covers = (other: GtidSet): boolean => {
    if (!(other instanceof MysqlGtids)) return false;
    return [...other.#sources].every(([source, intervals]) => intervals.every(({ from, to }) => this.#holds(source, from, to)));
  };

  copy = (): MysqlGtids => MysqlGtids.parse(this.toString());

  toString = (): string =>
    [...this.#sources]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([source, intervals]) => [source, ...intervals.map(({ from, to }) => (from === to ? `${from}` : `${from}-${to}`))].join(':'))
      .join(',');

  #holds(source: string, from: bigint, to: bigint): boolean {
    return this.#sources.get(source)?.some((each) => each.from <= from && to <= each.to) ?? false;
  }
}

function split(gtid: string): { readonly source: string; readonly number: bigint } {
  const at = gtid.lastIndexOf(':');
  const number = gtid.slice(at + 1);
  if (at < 0 || !/^[1-9]\d*$/.test(number)) throw malformed(gtid);
  return { source: gtid.slice(0, at).toLowerCase(), number: BigInt(number) };
}

/** MariaDB: the last number of each domain, which holds all below it: `0-1-50,1-2-7`; in the middle is the server that wrote it. */
export class MariadbGtids implements GtidSet {
  readonly #domains = new Map<string, { readonly server: string; readonly number: bigint }>();

  static parse(text: string): MariadbGtids {
    const set = new MariadbGtids();
    for (const gtid of text.replaceAll(/\s/g, '').split(',')) if (gtid !== '') set.add(gtid);
    return set;
  }

  has = (gtid: string): boolean => {
    const { domain, number } = parts(gtid);
    return (this.#domains.get(domain)?.number ?? -1n) >= number;
  };

  add = (gtid: string): void => {
    const { domain, server, number } = parts(gtid);
    this.#domains.set(domain, { server, number });
  };

  covers = (other: GtidSet): boolean => {
    if (!(other instanceof MariadbGtids)) return false;
    return [...other.#domains].every(([domain, { number }]) => (this.#domains.get(domain)?.number ?? -1n) >= number);
  };

  copy = (): MariadbGtids => MariadbGtids.parse(this.toString());

  toString = (): string =>
    [...this.#domains]
      .sort(([a], [b]) => Number(a) - Number(b))
      .map(([domain, { server, number }]) => `${domain}-${server}-${number}`)
      .join(',');
}

function parts(gtid: string): { readonly domain: string; readonly server: string; readonly number: bigint } {
  const [, domain, server, number] = /^(\d+)-(\d+)-(\d+)$/.exec(gtid) ?? [];
  if (domain === undefined || server === undefined || number === undefined) throw malformed(gtid);
  return { domain, server, number: BigInt(number) };
}
