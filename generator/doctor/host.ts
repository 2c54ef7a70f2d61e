import type { HostNeeds } from '../../model/host-needs.ts';
import type { HostState } from '../../model/host-state.ts';
import type { Diagnosis } from './diagnosis.ts';
import { checkHostClock } from './host-clock.ts';
import { checkCgroups, checkCompose, checkEngine, checkLiveRestore } from './host-engine.ts';
import { checkImages } from './host-images.ts';
import { checkForwarding, checkHugePages, checkMemoryMaps, checkOpenFiles, checkOvercommit } from './host-kernel.ts';
import { checkDns, checkOutside, checkPorts, checkSubnets } from './host-network.ts';
import { checkCpus, checkDisk, checkInodes, checkMemory, checkSwap, checkSyncLatency } from './host-room.ts';
import { checkEncryption, checkSecurity } from './host-security.ts';

/** Whether a host can run a plan: every question, answered. Nothing is left out because an earlier answer was bad. */
export const checkHost = (host: HostState, needs: HostNeeds): readonly Diagnosis[] => [
  ...checkEngine(host),
  ...checkCompose(host),
  ...checkCgroups(host),
  ...checkCpus(host, needs),
  ...checkMemory(host, needs),
  ...checkSwap(host),
  ...checkDisk(host, needs),
  ...checkInodes(host),
  ...checkSyncLatency(host),
  ...checkPorts(host, needs),
  ...checkSubnets(host, needs),
  ...checkForwarding(host),
  ...checkDns(host, needs),
  ...checkOutside(host, needs),
  ...checkOvercommit(host, needs),
  ...checkHugePages(host, needs),
  ...checkMemoryMaps(host, needs),
  ...checkOpenFiles(host, needs),
  ...checkHostClock(host),
  ...checkImages(host),
  ...checkSecurity(host),
  ...checkEncryption(host),
  ...checkLiveRestore(host),
];
