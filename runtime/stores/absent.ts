import { BerthError } from '../../model/errors.ts';

export const absent = (key: string, store: string, options?: ErrorOptions): BerthError =>
  new BerthError(
    'damaged',
    `${key} is not in ${store}`,
    'somebody or something else than Berth deleted it: look for lifecycle rules and clean-up jobs; use the second store, or another point',
    options,
  );
