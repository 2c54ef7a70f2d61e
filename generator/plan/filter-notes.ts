import type { StackSpec } from '../../model/stack-spec.ts';

/** What the edge of one host cannot see. It is loaded for sites that ask for addresses. */
export const filterNotes = ({ target, edge }: StackSpec): readonly string[] =>
  target === 'compose'
    ? [
        `Docker hands on whoever comes by IPv6, and whoever asks from this host, from the gateway of the network edge: \`allow\` refuses that address unless it names it, and \`deny\` finds none of them; let the names of the site lead to ${
          edge.trustedProxies.length > 0
            ? 'the proxies of edge.trustedProxies alone, and have those come by IPv4'
            : 'IPv4 alone, or put a proxy in front and name it in edge.trustedProxies'
        }`,
      ]
    : [];
