/** The parts of Kubernetes objects that are read here; what a server leaves out is `undefined`. */
interface Meta {
  readonly name?: string;
  readonly namespace?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
}

export interface KubernetesObject {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly metadata?: Meta;
}

interface Requests {
  readonly requests?: Readonly<Record<string, unknown>>;
}

export interface PodObject extends KubernetesObject {
  readonly spec?: {
    readonly nodeName?: string;
    readonly overhead?: Readonly<Record<string, unknown>>;
    readonly resources?: Requests;
    readonly containers?: readonly { readonly resources?: Requests }[];
    readonly initContainers?: readonly { readonly restartPolicy?: string; readonly resources?: Requests }[];
  };
  readonly status?: {
    readonly phase?: string;
    readonly conditions?: readonly {
      readonly type: string;
      readonly status: string;
      readonly reason?: string;
      readonly message?: string;
    }[];
    readonly containerStatuses?: readonly ContainerStatus[];
  };
}

interface ContainerStatus {
  readonly imageID?: string;
  readonly state?: {
    readonly waiting?: { readonly reason?: string; readonly message?: string };
    readonly running?: object;
    readonly terminated?: { readonly exitCode?: number; readonly reason?: string; readonly message?: string };
  };
}

export interface NodeObject extends KubernetesObject {
  readonly spec?: {
    readonly unschedulable?: boolean;
    readonly taints?: readonly { readonly key: string; readonly value?: string; readonly effect: string }[];
  };
  readonly status?: {
    readonly allocatable?: Readonly<Record<string, string>>;
    readonly conditions?: readonly { readonly type: string; readonly status: string }[];
    readonly nodeInfo?: { readonly kubeletVersion?: string };
  };
}

export interface StorageClassObject extends KubernetesObject {
  readonly provisioner?: string;
  readonly volumeBindingMode?: string;
  readonly allowVolumeExpansion?: boolean;
  readonly reclaimPolicy?: string;
}

export interface EdgeClassObject extends KubernetesObject {
  readonly spec?: { readonly controller?: string; readonly controllerName?: string };
  readonly status?: { readonly conditions?: readonly { readonly type: string; readonly status: string }[] };
}

export interface QuotaObject extends KubernetesObject {
  readonly status?: { readonly hard?: Readonly<Record<string, string>>; readonly used?: Readonly<Record<string, string>> };
  readonly spec?: { readonly hard?: Readonly<Record<string, string>> };
}

export interface ClaimObject extends KubernetesObject {
  readonly spec?: { readonly volumeName?: string; readonly resources?: Requests };
  readonly status?: { readonly phase?: string };
}

/** `app.kubernetes.io/…`, as the manifests carry them. */
export const partOf = 'app.kubernetes.io/part-of';
export const managedBy = 'app.kubernetes.io/managed-by';
