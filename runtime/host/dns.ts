import { notKnown } from '../../model/host-state.ts';
import type { DnsState, Seen } from '../../model/host-state.ts';
import type { HostView } from './view.ts';

/** Servers that resolv.conf names. */
export const parseResolvers = (text: string): readonly string[] =>
  [...text.matchAll(/^\s*nameserver\s+(\S+)/gm)].map(([, server = '']) => server);

/** A line for each address and kind of socket. */
const parseAddresses = (text: string): readonly string[] => [
  ...new Set(
    text
      .split('\n')
      .flatMap((line) => line.split(/\s+/).slice(0, 1))
      .filter((address) => address !== ''),
  ),
];

const noSuchName = 2;

/** As programs of this host find it, /etc/hosts included. By a program, as it can be ended: a name server that is silent would hold this one for half a minute. */
async function addressesOf(view: HostView, name: string): Promise<Seen<readonly string[]>> {
  const answer = await view.run('getent', 'ahosts', name);
  if ('notKnown' in answer) return answer;
  if (answer.code === noSuchName) return [];
  return answer.code === 0 ? parseAddresses(answer.stdout) : notKnown(`\`getent ahosts ${name}\` ended with ${answer.code}`);
}

export async function readDns(view: HostView, domain: string): Promise<Seen<DnsState>> {
  const text = view.file('/etc/resolv.conf');
  if (typeof text !== 'string') return text;
  return { servers: parseResolvers(text), domain: await addressesOf(view, domain) };
}
