import type { Operations } from './written-operations.ts';

/** What is validated and kept as written: nothing acts on it yet. */
export const operationKeys = ['deploy', 'alerts', 'logs', 'errorTracking', 'objectives'] as const satisfies readonly (keyof Operations)[];

export const hasOperations = (spec: Operations): boolean => operationKeys.some((key) => spec[key] !== undefined);
