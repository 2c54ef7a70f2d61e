import type { TestProject } from 'vitest/node';
import { ensureKubectl, requireRoot } from '../lab/engine.ts';
import { ControlPlane } from './control-plane.ts';
import type { Access } from './control-plane.ts';
import { ensureKubernetes } from './kubernetes.ts';
import { prepareCluster } from './prepare-cluster.ts';

declare module 'vitest' {
  interface ProvidedContext {
    cluster: Access;
  }
}

/** Vitest's global setup: one control plane for all files of a run. Each site has namespaces of its own, as in a cluster that several share. */
export default async function setup({ provide }: TestProject): Promise<() => Promise<void>> {
  requireRoot();
  await ensureKubectl();
  const plane = await ControlPlane.start(await ensureKubernetes());
  try {
    await prepareCluster(plane.access);
  } catch (error) {
    await plane.stop();
    throw error;
  }
  provide('cluster', plane.access);
  return () => plane.stop();
}
