import { notKnown } from '../../model/host-state.ts';
import type { EngineState, Seen } from '../../model/host-state.ts';
import { mib, milliCpu } from '../../model/units.ts';
import { json, outputOf } from './view.ts';
import type { HostView } from './view.ts';

/** From the JSON of `docker info`; `now` is our clock at the time of the answer. */
export function parseEngine(text: string, now: Date): Seen<EngineState> {
  const info = json(text);
  const version = info.at('ServerVersion').text;
  // Where the engine does not answer, the client still prints what it knows itself.
  if (version === '') return notKnown(info.at('ServerErrors').list[0]?.text ?? '`docker info` does not tell the version of an engine');
  const time = Date.parse(info.at('SystemTime').text);
  const groups = info.at('CgroupVersion').text;
  return {
    version,
    machine: info.at('Name').text,
    cpus: milliCpu(info.at('NCPU').number * 1000),
    memory: mib(Math.floor(info.at('MemTotal').number / 2 ** 20)),
    root: info.at('DockerRootDir').text,
    architecture: info.at('Architecture').text,
    cgroups: groups === '1' || groups === '2' ? groups : '',
    limits: {
      memory: info.at('MemoryLimit').is,
      swap: info.at('SwapLimit').is,
      cpu: info.at('CpuCfsQuota').is,
      pids: info.at('PidsLimit').is,
    },
    security: info.at('SecurityOptions').list.map((option) => option.text),
    liveRestore: info.at('LiveRestoreEnabled').is,
    proxied: info.at('HttpProxy').text !== '' || info.at('HttpsProxy').text !== '',
    clockSkew: Number.isNaN(time) ? 0 : Math.round((time - now.getTime()) / 1000),
  };
}

export async function readEngine(view: HostView, now: () => Date): Promise<Seen<EngineState>> {
  const text = await outputOf(view, 'docker', 'info', '--format', '{{json .}}');
  return typeof text === 'string' ? parseEngine(text, now()) : text;
}

export async function readCompose(view: HostView): Promise<Seen<string>> {
  const text = await outputOf(view, 'docker', 'compose', 'version', '--short');
  if (typeof text !== 'string') return text;
  const version = text.trim().replace(/^v/, '');
  return version === '' ? notKnown('`docker compose version` says nothing') : version;
}
