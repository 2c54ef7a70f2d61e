import type { WrittenSpec } from '../../model/written-spec.ts';
import { parseDuration } from '../../model/units.ts';
import type { Finding } from './finding.ts';

/** Whoever is on call, among the names of contacts. */
const onCallName = 'on-call';

/** Which of the known names was meant, if any. */
type Suggest = (typed: string, known: readonly string[]) => string | undefined;

/** What no single value of `deploy`, `alerts` and `objectives` can show. It is loaded for specs that have one of them, without what reads a document. */
export const checkOperations = (spec: WrittenSpec, suggest: Suggest): readonly Finding[] => [
  ...checkDeploy(spec, suggest),
  ...checkAlerts(spec, suggest),
  ...checkObjectives(spec),
];

function* checkDeploy({ deploy, services }: WrittenSpec, suggest: Suggest): Iterable<Finding> {
  if (deploy === undefined) return;
  const { strategy, steps, rollback } = deploy;
  if (steps !== undefined && strategy !== 'canary')
    yield {
      path: ['deploy'],
      key: 'steps',
      message: strategy === 'rolling' ? 'rolling replaces replica by replica' : 'blue-green moves all visitors at once',
      hint: 'write strategy: canary, or remove steps',
    };
  for (const [index, step] of (steps ?? []).entries())
    if (index > 0 && step <= (steps?.[index - 1] ?? 0))
      yield {
        path: ['deploy', 'steps', index],
        message: `${step} is not more than the ${String(steps?.[index - 1])} before it`,
        hint: 'each step has more visitors than the one before: [5, 25, 100]',
      };
  if (steps !== undefined && steps.at(-1) !== 100)
    yield {
      path: ['deploy', 'steps', steps.length - 1],
      message: `the last step leaves ${100 - (steps.at(-1) ?? 0)} of 100 visitors with the version before`,
      hint: 'end with 100',
    };
  const served = Object.keys(services).filter((name) => isServed(services[name]));
  for (const [index, name] of (rollback?.services ?? []).entries()) {
    const path = ['deploy', 'rollback', 'services', index];
    if (!Object.hasOwn(services, name))
      yield { path, message: `there is no service "${name}"`, hint: hintFor(suggest(name, served), served, 'add it under services') };
    else if (!served.includes(name))
      yield { path, message: `${name} has no slots and gets no requests`, hint: hintFor(suggest(name, served), served, 'remove it') };
    else if (rollback?.services?.indexOf(name) !== index) yield { path, message: `"${name}" stands twice`, hint: 'keep one of the two' };
  }
}

/** What answers HTTP stands in two slots. */
const isServed = (service: WrittenSpec['services'][string] | undefined): boolean => !/^(?:worker|cron)$/.test(service?.kind ?? 'web');

function hintFor(near: string | undefined, known: readonly string[], none: string): string {
  if (near !== undefined) return `did you mean "${near}"?`;
  return known.length > 0 ? `known: ${known.join(', ')}` : none;
}

function* checkAlerts({ alerts }: WrittenSpec, suggest: Suggest): Iterable<Finding> {
  if (alerts === undefined) return;
  const { contacts, onCall, sms, critical, warning } = alerts;
  const names = Object.keys(contacts);
  for (const [name, ways] of Object.entries(contacts)) {
    if (name === onCallName)
      yield { path: ['alerts', 'contacts'], key: name, message: 'stands for whoever is on call', hint: 'give this contact another name' };
    if (Object.keys(ways).length === 0)
      yield { path: ['alerts', 'contacts', name], message: 'nothing leads to this contact', hint: 'add email, phone or webhook' };
    if (ways.phone !== undefined && sms === undefined)
      yield {
        path: ['alerts', 'contacts', name],
        key: 'phone',
        message: 'nothing sends text messages',
        hint: 'add alerts.sms with the url and the secret of a gateway',
      };
  }
  if (sms !== undefined && names.every((name) => contacts[name]?.phone === undefined))
    yield { path: ['alerts'], key: 'sms', message: 'no contact has a phone', hint: 'add phone to those who are to be reached by it' };
  for (const [path, listed, known] of [
    [['alerts', 'onCall', 'rota'], onCall?.rota, names],
    [['alerts', 'critical'], critical, [...names, onCallName]],
    [['alerts', 'warning'], warning, [...names, onCallName]],
  ] as const)
    for (const [index, name] of (listed ?? []).entries()) {
      const at = { path: [...path, index] };
      if (!known.includes(name))
        yield {
          ...at,
          message: `there is no contact "${name}"`,
          hint: hintFor(suggest(name, known), known, 'add it under alerts.contacts'),
        };
      else if (name === onCallName && onCall === undefined)
        yield { ...at, message: 'nobody is on call', hint: 'add alerts.onCall with a rota, or name a contact' };
      else if (listed?.indexOf(name) !== index) yield { ...at, message: `"${name}" stands twice`, hint: 'keep one of the two' };
    }
}

function* checkObjectives({ objectives }: WrittenSpec): Iterable<Finding> {
  const [rto, downtime] = [objectives?.rto, objectives?.downtime].map((text) => (text === undefined ? undefined : parseDuration(text)));
  if (rto !== undefined && downtime !== undefined && downtime < rto)
    yield {
      path: ['objectives'],
      key: 'downtime',
      message: `the site may be away for less than it may take to be back (rto: ${objectives?.rto ?? ''})`,
      hint: 'make downtime the longer of the two',
    };
}
