import * as z from 'zod';
import { dnsLabel, hostName } from './names.ts';
import { port, size, subnets, text, wholeNumber } from './written-values.ts';

const exposures = ['loadBalancer', 'nodePort', 'hostPort', 'gateway', 'ingress'] as const;
const objectName = (what: string) => text(what).regex(dnsLabel, { error: `expected ${what}: lower-case letters, digits and -` });
const nodePort = wholeNumber(30_000, 32_767, 'a node port');
/** A name of at most 63, behind a host name and a slash or alone. */
const labelKey = /^(?:(?=[^/]{1,253}\/)[a-z0-9](?:[-a-z0-9.]*[a-z0-9])?\/)?[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$/;
const labelValue = /^(?:[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?$/;
export const kubernetes = z
  .strictObject({
    namespace: objectName('a namespace').optional().describe('The namespace that it has for itself. Default: the name of the site.'),
    version: text('a version such as "1.31"')
      .regex(/^1\.(2[5-9]|[3-9]\d)$/, { error: 'expected a version from 1.25 on, in quotes, such as "1.31"' })
      .optional()
      .describe('The oldest version of the cluster that must do; nothing is written that it lacks. Default: "1.30".'),
    clusterDomain: text('a host name')
      .regex(hostName, { error: 'expected a host name such as cluster.local' })
      .optional()
      .describe('What the cluster appends to the names of services. Default: cluster.local.'),
    expose: z
      .enum(exposures, { error: `expected ${exposures.slice(0, -1).join(', ')} or ${exposures.at(-1) ?? ''}` })
      .optional()
      .describe(
        "How requests come in. loadBalancer, nodePort: a Service before Berth's edge. hostPort: ports 80 and 443 of the nodes. gateway, ingress: what the cluster has, without the edge. Default: loadBalancer.",
      ),
    class: objectName('the name of a class').optional().describe('GatewayClass or IngressClass; needed for expose: gateway and ingress.'),
    controllerNamespace: objectName('a namespace')
      .optional()
      .describe('Where that controller runs. Default: any namespace may reach the applications.'),
    controllerNetwork: z
      .enum(['pods', 'nodes', 'cilium'], { error: 'expected pods, nodes or cilium' })
      .optional()
      .describe(
        'What that controller sends requests from. pods: pods of its own. nodes: the network of its nodes (hostNetwork: true), which controllerAddresses or networkPlugin: cilium name. cilium: it is Cilium itself. Default: pods.',
      ),
    controllerAddresses: subnets
      .min(1, { error: 'expected an address or a subnet' })
      .optional()
      .describe(
        'Addresses and subnets of the nodes that a controller with controllerNetwork: nodes runs on, and of their tunnels where the network of pods has some. Only from there it reaches the applications.',
      ),
    networkPlugin: z
      .enum(['cilium'], { error: 'expected cilium' })
      .optional()
      .describe(
        'What enforces the network policies, where it has to be told more. cilium: no address stands for a node, the API server or Cilium itself, so CiliumNetworkPolicies name them. Default: whatever holds to NetworkPolicies.',
      ),
    dns: z
      .strictObject({
        namespace: objectName('a namespace').optional().describe('Where its pods run. Default: kube-system.'),
        labels: z
          .record(
            text('a label').regex(labelKey, { error: 'expected a label as Kubernetes has it, such as k8s-app' }),
            text('its value').regex(labelValue, { error: 'expected the value of a label: letters, digits, -, _ and ., at most 63' }),
          )
          .optional()
          .describe('Labels of its pods. Default: every pod of that namespace may be asked.'),
        addresses: subnets
          .optional()
          .describe(
            'Addresses and subnets that a cache on each node listens on: beside the link-local one often that of the Service kube-dns. Default: 169.254.0.0/16.',
          ),
        ports: z
          .array(port, { error: 'expected a list of ports' })
          .min(1, { error: 'expected a port' })
          .optional()
          .describe('Ports of its pods, UDP and TCP; OpenShift has 5353. Default: 53.'),
      })
      .optional()
      .describe('Who is asked for names, as the network policies let it through.'),
    containerLogMaxSize: size
      .optional()
      .describe('How large a kubelet lets a file of the log of a container grow, as KubeletConfiguration calls it. Default: 50Mi.'),
    containerLogMaxFiles: wholeNumber(2, 100, 'a number of files')
      .optional()
      .describe('How many such files it keeps of a container, as KubeletConfiguration calls it. Default: 5.'),
    nodePorts: z
      .strictObject({ http: nodePort, https: nodePort })
      .optional()
      .describe('Ports of the nodes for expose: nodePort. Default: the cluster chooses.'),
    storageClass: text('the name of a storage class')
      .regex(hostName, { error: 'expected the name of a storage class' })
      .optional()
      .describe("Class of every volume. Default: the cluster's default class."),
    operatorNamespace: objectName('a namespace')
      .optional()
      .describe('Where the operator runs that a database names; only from there it reaches the database. Default: cnpg-system.'),
    certificate: z
      .enum(['own', 'cert-manager'], { error: 'expected own or cert-manager' })
      .optional()
      .describe(
        "own: drawn by Berth, or yours as an existing Secret tls. cert-manager: issued and renewed by it, from Berth's authority. Default: own.",
      ),
    existingSecrets: z
      .record(text('a service'), text('the name of a Secret').regex(hostName, { error: 'expected the name of a Secret' }))
      .optional()
      .describe(
        'Secrets that somebody else manages, by service (or tls): Berth refers to them and writes none. SITE.md lists the keys each must have.',
      ),
    pullSecret: text('the name of a Secret')
      .regex(hostName, { error: 'expected the name of a Secret' })
      .optional()
      .describe('A Secret with the credentials of your registry.'),
  })
  .meta({ id: 'Kubernetes' });
