import type { Plan } from '../../model/plan.ts';
import type { Compose } from '../compose.ts';

/** What a visitor got. */
export interface Answer {
  readonly url: string;
  /** Of HTTP; none where nothing answered. */
  readonly status: number | undefined;
}

/** Asks for each route, as a visitor would, from within the edge: nothing of it is published. */
export async function askEdge(
  { edge, services }: Pick<Plan, 'edge' | 'services'>,
  compose: Compose,
  signal: AbortSignal,
): Promise<readonly Answer[]> {
  const asking = services.find(({ role }) => role === 'edge')?.name;
  if (asking === undefined) return [];
  const routes = new Map(edge.apps.flatMap((app) => app.routes.map((route) => [route.path, route] as const)));
  const answers: Answer[] = [];
  for (const { path, stream } of routes.values()) {
    const url = `https://${edge.domain}${path}`;
    const curl = ['--silent', '--insecure', '--output', '/dev/null', '--max-time', '30', '--write-out', '%{http_code}'];
    // What streams has no end.
    const how = [...(stream ? ['--head'] : []), ...(edge.proxyProtocol === undefined ? [] : ['--haproxy-protocol'])];
    // It writes 000 where nothing answers, and 200 also where an answer is never whole.
    const words = ['sh', '-c', 'curl "$@" || true', 'sh', ...curl, ...how, '--connect-to', '::127.0.0.1:8443', url];
    const said = await compose(['exec', '-T', asking, ...words], signal).catch(() => '');
    signal.throwIfAborted();
    answers.push({ url, status: Number(said) || undefined });
  }
  return answers;
}

/** An application that asks for a login has come back; one that fails has not. */
export const isServed = ({ status }: Answer): boolean => status !== undefined && status < 500;
