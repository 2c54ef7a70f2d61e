import type { FixedSize } from '../../model/fixed-size.ts';
import { mib, parseCpu, parseDuration, parseSize, seconds } from '../../model/units.ts';
import type { MiB, MilliCpu, Seconds } from '../../model/units.ts';

export const size = (text: string): MiB => parseSize(text) ?? mib(0);
export const cpu = (text: string | number): MilliCpu => parseCpu(String(text)) as MilliCpu;
export const duration = (text: string): Seconds => parseDuration(text) ?? seconds(0);

export const fixedSizeOf = (written: { cpu?: string | number | undefined; memory?: string | undefined }): FixedSize => ({
  ...(written.cpu === undefined ? {} : { cpu: cpu(written.cpu) }),
  ...(written.memory === undefined ? {} : { memory: size(written.memory) }),
});

export const fixedStateOf = (written: { readonly disk?: string | undefined } & Parameters<typeof fixedSizeOf>[0]) => ({
  ...fixedSizeOf(written),
  ...(written.disk === undefined ? {} : { disk: size(written.disk) }),
});
