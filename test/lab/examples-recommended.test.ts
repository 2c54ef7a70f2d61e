import { proveExamples } from './examples.ts';

proveExamples('recommended');
