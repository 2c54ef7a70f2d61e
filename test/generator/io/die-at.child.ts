import { applyChanges, recoverSite } from '../../../generator/io/disk.ts';
import { faultyFiles, halfDone } from './faulty-files.ts';
import { nextArtifacts } from './scenario.ts';
import { decide } from './site-fixture.ts';

/** `die-at.child.ts <apply|recover> <site> <operation>`: dies by SIGKILL in the middle of that operation. */
const [verb, site = '', operation] = process.argv.slice(2);
const { files } = faultyFiles(
  (number, name, args) => {
    if (number !== Number(operation)) return;
    halfDone(name, args);
    process.kill(process.pid, 'SIGKILL');
  },
  { looking: false },
);
if (verb === 'apply') applyChanges(site, decide(site, nextArtifacts), files);
else recoverSite(site, files);
