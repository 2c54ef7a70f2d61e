import { proveExamples } from './examples.ts';

proveExamples('minimum');
