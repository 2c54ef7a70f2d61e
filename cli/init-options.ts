/** What was typed after `berth init`. */
export interface InitOptions {
  readonly profile?: string;
  readonly target?: string;
  readonly from?: string;
  readonly environment?: string;
  readonly set: readonly string[];
  readonly kubernetesVersion?: string;
  readonly hostCpus?: string;
  readonly hostMemory?: string;
  readonly hostDisk?: string;
  readonly fit: boolean;
  readonly yes?: boolean;
  readonly json?: boolean;
}

export const defaultExample = 'example:hello';
export const isExample = (options: InitOptions): boolean => (options.from ?? defaultExample).startsWith('example:');
