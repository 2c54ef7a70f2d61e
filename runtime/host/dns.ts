import { lookup } from 'node:dns/promises';
import { notKnown } from '../../model/host-state.ts';
import type { DnsState, Seen } from '../../model/host-state.ts';
import type { HostView } from './view.ts';

/** Servers that resolv.conf names. */
export const parseResolvers = (text: string): readonly string[] =>
  [...text.matchAll(/^\s*nameserver\s+(\S+)/gm)].map(([, server = '']) => server);

/** No such name; anything else is a server that does not answer. */
const noName = new Set(['ENOTFOUND', 'ENODATA']);

async function addressesOf(name: string): Promise<Seen<readonly string[]>> {
  try {
    return (await lookup(name, { all: true })).map(({ address }) => address);
  } catch (error) {
    const { code = '' } = error as { readonly code?: string };
    return noName.has(code) ? [] : notKnown(`asking for ${name} failed: ${code}`);
  }
}

export async function readDns(view: HostView, domain: string): Promise<Seen<DnsState>> {
  const text = view.file('/etc/resolv.conf');
  if (typeof text !== 'string') return text;
  return { servers: parseResolvers(text), domain: await addressesOf(domain) };
}
