import { describe, expect, test } from 'vitest';
import { onlyProblem, specOf, web } from './specs.ts';

const written = (kubernetes: string): string => `${web('runtime: other')}target: kubernetes\nkubernetes: { ${kubernetes} }\n`;
const ingress = 'expose: ingress, class: shared';

describe('what a controller of the cluster sends from', () => {
  test.each([
    {
      what: 'the network of its nodes, whose addresses nobody named',
      given: `${ingress}, controllerNetwork: nodes`,
      says: /controllerNetwork: a policy knows nodes by their addresses alone .*kubectl get nodes -o wide/,
    },
    {
      what: 'Cilium where nothing was said of it',
      given: `${ingress}, controllerNetwork: cilium`,
      says: /controllerNetwork: only a policy of Cilium can name Cilium .*networkPlugin: cilium/,
    },
    {
      what: 'the network of its nodes, and a namespace',
      given: `${ingress}, controllerNetwork: nodes, controllerAddresses: ["10.0.0.0/24"], controllerNamespace: ways-in`,
      says: /controllerNamespace: means nothing with controllerNetwork: nodes/,
    },
    {
      what: 'addresses, and it runs in pods',
      given: `${ingress}, controllerAddresses: ["10.0.0.0/24"]`,
      says: /controllerAddresses: means nothing with controllerNetwork: pods/,
    },
    {
      what: 'addresses that Cilium does not find',
      given: `${ingress}, controllerNetwork: nodes, controllerAddresses: ["10.0.0.0/24"], networkPlugin: cilium`,
      says: /controllerAddresses: means nothing with networkPlugin: cilium/,
    },
    {
      what: 'the network of its nodes, and there is none',
      given: 'controllerNetwork: nodes',
      says: /controllerNetwork: means nothing with expose: loadBalancer/,
    },
    { what: 'no address', given: `${ingress}, controllerNetwork: nodes, controllerAddresses: []`, says: /expected an address or a subnet/ },
    { what: 'another network', given: 'networkPlugin: calico', says: /networkPlugin: expected cilium/ },
  ])('is refused: $what', ({ given, says }) => {
    expect(onlyProblem(written(given))).toMatch(says);
  });

  test('is pods of any namespace unless it is said', () => {
    expect(specOf(written(ingress)).kubernetes).toMatchObject({ controllerNetwork: 'pods', controllerAddresses: [] });
    expect(specOf(written(`${ingress}, networkPlugin: cilium, controllerNetwork: nodes`)).kubernetes).toMatchObject({
      controllerNetwork: 'nodes',
      networkPlugin: 'cilium',
    });
  });

  test('leaves out nothing of the DNS that was not named', () => {
    expect(specOf(written('dns: { ports: [5353] }')).kubernetes.dns).toEqual({
      namespace: 'kube-system',
      labels: {},
      addresses: ['169.254.0.0/16'],
      ports: [5353],
    });
  });
});
