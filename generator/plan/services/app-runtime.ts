import type { Runtime } from '../../../model/engines/runtimes.ts';
import { tuneGo } from './app-go.ts';
import { tuneJava } from './app-java.ts';
import { tuneNode } from './app-node.ts';
import { tunePython } from './app-python.ts';
import { untuned } from './app-tuning.ts';
import type { Tuned, Tuning } from './app-tuning.ts';

const tunings: Readonly<Record<Runtime, (tuned: Tuned) => Tuning>> = {
  node: tuneNode,
  python: tunePython,
  java: tuneJava,
  go: tuneGo,
  other: () => untuned,
};

/** What the runtime of an application is told of its limits. What the spec sets itself holds. */
export const tune = (tuned: Tuned): Tuning => tunings[tuned.app.runtime](tuned);
