import type { Runtime } from '../../../model/engines/runtimes.ts';
import type { PlannedService } from '../../../model/planned-service.ts';
import type { AppSpec } from '../../../model/app-spec.ts';
import { seconds } from '../../../model/units.ts';

const nodeHealth = (port: number, path: string): readonly [string, ...string[]] => [
  'node',
  '-e',
  `const r=require('http').get({host:'127.0.0.1',port:${port},path:'${path}',timeout:2500},(a)=>process.exit(a.statusCode===200?0:1));r.on('error',()=>process.exit(1));r.on('timeout',()=>process.exit(1))`,
];
/** Slim images of Python have neither curl nor wget. */
const pythonHealth = (port: number, path: string): readonly [string, ...string[]] => [
  'python3',
  '-c',
  `import http.client as h, sys; c = h.HTTPConnection('127.0.0.1', ${port}, timeout=2.5); c.request('GET', '${path}'); sys.exit(c.getresponse().status != 200)`,
];
const shellHealth = (port: number, path: string): readonly [string, ...string[]] => [
  '/bin/sh',
  '-c',
  `url=http://127.0.0.1:${port}${path}; if command -v curl >/dev/null; then exec curl -fsS -m 2 -o /dev/null "$url"; else exec wget -q -T 2 -O /dev/null "$url"; fi`,
];

const healthOfRuntime: Readonly<Record<Runtime, typeof nodeHealth>> = {
  node: nodeHealth,
  python: pythonHealth,
  java: shellHealth,
  go: shellHealth,
  other: shellHealth,
};

const often = { interval: seconds(5), timeout: seconds(4), retries: 3, startPeriod: seconds(60) };
/** A worker is asked by a program of its own, which may take a while to start. */
const seldom = { interval: seconds(30), timeout: seconds(20), retries: 3, startPeriod: seconds(60) };

/** How Compose and Kubernetes ask an application whether it works; a worker without a question of its own is not asked. */
export function healthOf({ http, healthcheck, runtime }: AppSpec): Pick<PlannedService, 'healthcheck' | 'probes'> {
  if (http)
    return {
      healthcheck: { argv: healthOfRuntime[runtime](http.port, http.ready), ...often },
      probes: {
        ready: { http: { path: http.ready, port: http.port } },
        // Asked twice the same, what is not ready would be killed: then it is alive as long as it takes connections.
        live: http.live === http.ready ? { tcp: http.port } : { http: { path: http.live, port: http.port } },
      },
    };
  if (!healthcheck) return {};
  const argv = healthcheck as readonly [string, ...string[]];
  return { healthcheck: { argv, ...seldom }, probes: { ready: { argv }, live: { argv } } };
}
