import type { Plan } from '../model/plan.ts';
import type { Compose } from './compose.ts';

/** What a visitor got. */
export interface Answer {
  readonly url: string;
  /** Of HTTP; none where nothing answered. */
  readonly status: number | undefined;
}

/** Asks for each route, as a visitor would, from within the edge: nothing of it is published. */
export async function askEdge({ edge, services }: Plan, compose: Compose, signal: AbortSignal): Promise<readonly Answer[]> {
  const asking = services.find(({ role }) => role === 'edge')?.name;
  if (asking === undefined) return [];
  const paths = new Set(edge.apps.flatMap(({ routes }) => routes.map(({ path }) => path)));
  const answers: Answer[] = [];
  for (const path of paths) {
    const url = `https://${edge.domain}${path}`;
    const curl = ['curl', '--silent', '--insecure', '--output', '/dev/null', '--max-time', '30', '--write-out', '%{http_code}'];
    const how = ['--connect-to', '::127.0.0.1:8443', ...(edge.proxyProtocol === undefined ? [] : ['--haproxy-protocol'])];
    // It writes 000 where nothing answers, and ends with another code.
    const said = await compose(['exec', '-T', asking, ...curl, ...how, url], signal).catch(() => '');
    signal.throwIfAborted();
    answers.push({ url, status: Number(said) || undefined });
  }
  return answers;
}

/** An application that asks for a login has come back; one that fails has not. */
export const isServed = ({ status }: Answer): boolean => status !== undefined && status < 500;
