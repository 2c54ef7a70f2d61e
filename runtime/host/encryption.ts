import { notKnown } from '../../model/host-state.ts';
import type { EncryptionState, Seen } from '../../model/host-state.ts';
import { json, outputOf } from './view.ts';
import type { HostView, Json } from './view.ts';

interface Device {
  readonly name: string;
  readonly type: string;
}

/** From `lsblk --json --inverse`: a device and all that it lies on, down to the disks. */
export function parseDevices(text: string): readonly Device[] {
  const walk = (device: Json): readonly Device[] => [
    { name: device.at('name').text, type: device.at('type').text },
    ...device.at('children').list.flatMap(walk),
  ];
  return json(text).at('blockdevices').list.flatMap(walk);
}

/** Where `folder` lies, from `findmnt --json`; a bind mount names its folder behind the device. */
export function parseMount(text: string): { readonly source: string; readonly type: string } {
  const mount = json(text).at('filesystems').list[0];
  return { source: (mount?.at('source').text ?? '').replace(/\[.*\]$/, ''), type: mount?.at('fstype').text ?? '' };
}

/** Whether a layer of dm-crypt lies below `folder`. */
export async function readEncryption(view: HostView, folder: string): Promise<Seen<EncryptionState>> {
  const mounted = await outputOf(view, 'findmnt', '--json', '--target', folder, '--output', 'SOURCE,FSTYPE');
  if (typeof mounted !== 'string') return mounted;
  const { source, type } = parseMount(mounted);
  if (!source.startsWith('/dev/'))
    return notKnown(`${folder} lies on ${source || 'something'} (${type || 'unknown'}), which is no device of this host`);
  const listed = await outputOf(view, 'lsblk', '--json', '--inverse', '--output', 'NAME,TYPE', source);
  if (typeof listed !== 'string') return listed;
  const devices = parseDevices(listed);
  if (devices.length === 0) return notKnown(`lsblk does not know ${source}`);
  return {
    encrypted: devices.some((device) => device.type === 'crypt'),
    path: devices.map((device) => `${device.name} (${device.type})`).join(' on '),
  };
}
