import { createHash } from 'node:crypto';
import { once } from 'node:events';
import http from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import https from 'node:https';
import type { AddressInfo } from 'node:net';

export const digestOf = (text: string): string => `sha256:${createHash('sha256').update(text).digest('hex')}`;

/** What is stored under a path such as `library/app/manifests/1`. */
export interface Stored {
  readonly type: string;
  readonly body: string;
}

const ociManifest = 'application/vnd.oci.image.manifest.v1+json';
const ociIndex = 'application/vnd.oci.image.index.v1+json';

export interface SampleImage {
  readonly config: string;
  readonly manifest: string;
}

/** An image of one platform, as its two documents. */
export function sampleImage(architecture: string, note = ''): SampleImage {
  const config = JSON.stringify({ os: 'linux', architecture, note });
  return { config, manifest: JSON.stringify({ schemaVersion: 2, config: { digest: digestOf(config) }, layers: [] }) };
}

/** All that a registry keeps of images of several platforms under one tag. */
export function storedImages(repository: string, tag: string, images: Readonly<Record<string, SampleImage>>): ReadonlyMap<string, Stored> {
  const entries = Object.entries(images);
  const documents = entries.flatMap(([, { config, manifest }]): [string, Stored][] => [
    [`${repository}/manifests/${digestOf(manifest)}`, { type: ociManifest, body: manifest }],
    [`${repository}/blobs/${digestOf(config)}`, { type: 'application/octet-stream', body: config }],
  ]);
  const [only] = entries;
  const list = JSON.stringify({
    schemaVersion: 2,
    manifests: [
      ...entries.map(([platform, { manifest }]) => {
        const [os, architecture, variant] = platform.split('/');
        return { digest: digestOf(manifest), platform: { os, architecture, ...(variant ? { variant } : {}) } };
      }),
      { digest: digestOf('attestation'), platform: { os: 'unknown', architecture: 'unknown' } },
    ],
  });
  const top = entries.length === 1 && only ? { type: ociManifest, body: only[1].manifest } : { type: ociIndex, body: list };
  return new Map([...documents, [`${repository}/manifests/${tag}`, top], [`${repository}/manifests/${digestOf(top.body)}`, top]]);
}

export interface RegistryStandIn extends AsyncDisposable {
  /** `127.0.0.1:PORT`. */
  readonly host: string;
  /** Every request: its path, and the header that it brought to prove who it is. */
  readonly asked: { readonly path: string; readonly authorization: string | undefined }[];
}

interface StandInOptions {
  readonly stored: ReadonlyMap<string, Stored>;
  readonly tls?: { readonly key: string; readonly cert: string };
  /** Answers in place of the registry; `true` when it did. */
  readonly before?: (request: IncomingMessage, response: ServerResponse, host: string) => boolean;
}

/** A stand-in for a registry that answers from a map, and no more: no layers, no uploads. */
export async function registryStandIn({ stored, tls, before }: StandInOptions): Promise<RegistryStandIn> {
  const asked: RegistryStandIn['asked'] = [];
  const answer = (request: IncomingMessage, response: ServerResponse): void => {
    const path = request.url ?? '';
    asked.push({ path, authorization: request.headers.authorization });
    if (before?.(request, response, host)) return;
    const found = stored.get(path.replace('/v2/', ''));
    if (!found) response.writeHead(404).end('{"errors":[{"code":"MANIFEST_UNKNOWN"}]}');
    else response.writeHead(200, { 'content-type': found.type, 'docker-content-digest': digestOf(found.body) }).end(found.body);
  };
  const server = tls ? https.createServer(tls, answer) : http.createServer(answer);
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    host,
    asked,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
