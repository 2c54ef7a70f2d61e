import { hostsOf } from '../../../model/plan.ts';
import type { YamlDocument } from '../write-yaml.ts';
import { object } from './objects.ts';
import { siteLabels } from './scene.ts';
import type { Scene } from './scene.ts';

/** The Secret with Berth's own authority, from which cert-manager issues. */
const authoritySecret = 'tls-authority';

/** Issued by cert-manager from the authority of the site, which no network has to reach. */
export function renderCertificates(scene: Scene): readonly YamlDocument[] {
  const { plan, kubernetes } = scene;
  const meta = { name: 'site', namespace: kubernetes.edgeNamespace, labels: siteLabels(plan) };
  return [
    object('cert-manager.io/v1', 'Issuer', meta, { spec: { ca: { secretName: authoritySecret } } }),
    object('cert-manager.io/v1', 'Certificate', meta, {
      spec: {
        secretName: 'tls',
        dnsNames: [...new Set([...hostsOf(plan), 'localhost'])],
        duration: '2160h',
        renewBefore: '720h',
        privateKey: { algorithm: 'ECDSA', size: 256, rotationPolicy: 'Always' },
        usages: ['digital signature', 'server auth'],
        issuerRef: { kind: 'Issuer', name: 'site' },
      },
    }),
  ];
}
