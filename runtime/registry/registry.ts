import { createHash } from 'node:crypto';
import http from 'node:http';
import https from 'node:https';
import { BerthError } from '../../model/errors.ts';
import { isDigest } from '../../model/image-lock.ts';
import type { LockedImage, LockedPlatform } from '../../model/image-lock.ts';
import { parseReference, registryHost } from '../../model/image-reference.ts';
import type { ImageReference } from '../../model/image-reference.ts';
import type { Login } from './docker-credentials.ts';

/** What a registry is asked with. */
export interface RegistryAccess {
  /** The login that this host has for the registry of an image. */
  readonly login: (reference: ImageReference) => Promise<Login | undefined>;
  /** Certificates of authorities, as PEM, for a host. */
  readonly authorities: (host: string) => readonly string[];
  /** Where `HTTPS_PROXY` and its like stand. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly sleep: (milliseconds: number, signal: AbortSignal) => Promise<void>;
  readonly signal: AbortSignal;
}

/** OCI image spec and Docker's schema 2: lists of platforms first, as an engine asks for them. */
const lists = ['application/vnd.oci.image.index.v1+json', 'application/vnd.docker.distribution.manifest.list.v2+json'];
const manifests = ['application/vnd.oci.image.manifest.v1+json', 'application/vnd.docker.distribution.manifest.v2+json'];

const patience = 30_000;
const attempts = 4;
/** A registry accepts manifests of up to 4 MiB. */
const largest = 4 * 2 ** 20;

interface Reply {
  readonly status: number;
  readonly headers: http.IncomingHttpHeaders;
  readonly body: Buffer;
}

const isLoopback = (host: string): boolean => /^(?:localhost|127\.\d+\.\d+\.\d+|\[::1\])(?::\d+)?$/.test(host);

function ask(url: URL, headers: Readonly<Record<string, string>>, { authorities, env, signal }: RegistryAccess): Promise<Reply> {
  const secure = url.protocol === 'https:';
  const agent = secure ? new https.Agent({ ca: [...authorities(url.host)], proxyEnv: env }) : new http.Agent({ proxyEnv: env });
  return new Promise<Reply>((resolve, reject) => {
    const sent = (secure ? https : http).request(url, { headers, agent, signal, timeout: patience }, (answer) => {
      const chunks: Buffer[] = [];
      let bytes = 0;
      answer.on('data', (chunk: Buffer) => {
        bytes += chunk.length;
        if (bytes > largest) answer.destroy(new Error(`its answer is longer than ${largest / 2 ** 20} MiB`));
        else chunks.push(chunk);
      });
      answer.on('error', reject);
      answer.on('end', () => resolve({ status: answer.statusCode ?? 0, headers: answer.headers, body: Buffer.concat(chunks) }));
    });
    sent.on('timeout', () => sent.destroy(new Error(`no answer within ${patience / 1000} s`)));
    sent.on('error', reject);
    sent.end();
  }).finally(() => agent.destroy());
}

const busy = (status: number): boolean => status === 429 || (status >= 500 && status !== 501);

/** How long a registry wants to be left alone, at most half a minute. */
function pause({ headers }: Reply, turn: number): number {
  const asked = Number(headers['retry-after']);
  return Math.min(30_000, Number.isFinite(asked) && asked > 0 ? asked * 1000 : 500 * 2 ** turn);
}

const wordsOf = (error: unknown): string => {
  const { code, message } = error as NodeJS.ErrnoException;
  return code && !message.includes(code) ? `${code}: ${message}` : message;
};

function cureFor(error: unknown, host: string): string {
  const { code = '', message } = error as NodeJS.ErrnoException;
  if (/CERT|ISSUER|SELF_SIGNED|UNABLE_TO_VERIFY/.test(code))
    return `put the certificate of its authority into /etc/docker/certs.d/${host}/ca.crt, where the engine looks for it too`;
  if (/wrong version number|EPROTO|packet length/i.test(message)) return 'it does not speak TLS there; name the port at which it does';
  return 'see that this machine reaches it; where only a proxy does, HTTPS_PROXY must name that';
}

async function askPatiently(url: URL, headers: Readonly<Record<string, string>>, access: RegistryAccess): Promise<Reply> {
  for (let turn = 1; ; turn += 1) {
    let reply: Reply;
    try {
      reply = await ask(url, headers, access);
    } catch (error) {
      access.signal.throwIfAborted();
      if (turn < attempts && /ECONNRESET|EPIPE|socket hang up|no answer/.test(wordsOf(error))) {
        await access.sleep(500 * 2 ** turn, access.signal);
        continue;
      }
      throw new BerthError('unreachable', `${url.host} does not answer: ${wordsOf(error)}`, cureFor(error, url.host), { cause: error });
    }
    if (!busy(reply.status) || turn === attempts) return reply;
    await access.sleep(pause(reply, turn), access.signal);
  }
}

const redirects = 5;

/** Follows a registry to where it keeps what it was asked for. The login goes to the registry alone, and no way leads from TLS to plain text. */
async function follow(first: URL, headers: Readonly<Record<string, string>>, access: RegistryAccess): Promise<Reply> {
  let url = first;
  for (let turn = 0; ; turn += 1) {
    const { authorization: _, ...plain } = headers;
    const reply = await askPatiently(url, url.host === first.host ? headers : plain, access);
    const { location } = reply.headers;
    if (reply.status < 300 || reply.status > 399 || location === undefined) return reply;
    const next = URL.canParse(location, url.href) ? new URL(location, url.href) : undefined;
    if (turn === redirects || !next || (url.protocol === 'https:' && next.protocol !== 'https:'))
      throw new BerthError(
        'unreachable',
        `${first.host} sends on to ${location}, where Berth does not go`,
        'see what answers in place of the registry',
      );
    url = next;
  }
}

/** `Bearer realm="https://…",service="…",scope="…"` in its parts. */
function challengeOf(header: string | undefined): { readonly scheme: string; readonly parts: ReadonlyMap<string, string> } {
  const [, scheme = '', rest = ''] = /^\s*(\w+)\s*(.*)$/s.exec(header ?? '') ?? [];
  const parts = [...rest.matchAll(/([a-z_]+)="([^"]*)"/gi)].map(([, key = '', value = '']) => [key.toLowerCase(), value] as const);
  return { scheme: scheme.toLowerCase(), parts: new Map(parts) };
}

const basic = ({ user, password }: Login): string => `Basic ${Buffer.from(`${user}:${password.reveal()}`).toString('base64')}`;

function refused(host: string, login: Login | undefined, status: number): BerthError {
  return new BerthError(
    'unreachable',
    login ? `${host} refused ${login.user} (${status})` : `${host} wants a login (${status})`,
    `run \`docker login ${host === 'registry-1.docker.io' ? '' : host}`.trimEnd() + '`',
  );
}

function tokenOf(text: string): string | undefined {
  try {
    const { token, access_token: other } = JSON.parse(text) as { readonly token?: unknown; readonly access_token?: unknown };
    const found = token ?? other;
    return typeof found === 'string' && found !== '' ? found : undefined;
  } catch {
    return undefined;
  }
}

/** What to send along, after the registry has said what it wants. */
async function authorize(reply: Reply, host: string, reference: ImageReference, access: RegistryAccess): Promise<string> {
  const login = await access.login(reference);
  const { scheme, parts } = challengeOf(reply.headers['www-authenticate']);
  if (scheme === 'basic' && login) return basic(login);
  const realm = parts.get('realm');
  if (scheme !== 'bearer' || realm === undefined || !URL.canParse(realm)) throw refused(host, login, reply.status);
  const url = new URL(realm);
  // A password goes where TLS protects it, or stays on this machine.
  if (url.protocol !== 'https:' && !isLoopback(url.host))
    throw new BerthError(
      'unreachable',
      `${host} wants the login to go to ${url.origin} in plain text`,
      'ask who runs it for a realm with https',
    );
  const service = parts.get('service');
  if (service !== undefined) url.searchParams.set('service', service);
  url.searchParams.set('scope', parts.get('scope') ?? `repository:${reference.repository}:pull`);
  const answer = await askPatiently(url, login ? { authorization: basic(login) } : {}, access);
  if (answer.status !== 200) throw refused(host, login, answer.status);
  const token = tokenOf(answer.body.toString());
  if (token === undefined)
    throw new BerthError(
      'unreachable',
      `${url.host} gave no token that can be read`,
      'see that it is the login of a registry that answers there',
    );
  return `Bearer ${token}`;
}

/** One manifest or list, checked against the hash it goes by. */
interface Found {
  readonly digest: string;
  readonly type: string;
  readonly content: Readonly<Record<string, unknown>>;
}

class Registry {
  readonly #reference: ImageReference;
  readonly #access: RegistryAccess;
  readonly #host: string;
  #authorization: string | undefined;
  constructor(reference: ImageReference, access: RegistryAccess) {
    this.#reference = reference;
    this.#access = access;
    this.#host = registryHost(reference);
  }

  /** @throws BerthError `unreachable`, with the cure, when it is not there or not given out. */
  async find(kind: 'manifests' | 'blobs', name: string): Promise<Found> {
    const { repository } = this.#reference;
    const scheme = isLoopback(this.#host) ? 'http' : 'https';
    const url = new URL(`${scheme}://${this.#host}/v2/${repository}/${kind}/${name}`);
    const headers = { 'accept': [...lists, ...manifests].join(', '), 'user-agent': 'berth' };
    const send = () =>
      follow(url, this.#authorization === undefined ? headers : { ...headers, authorization: this.#authorization }, this.#access);
    let reply = await send();
    if (reply.status === 401 && this.#authorization === undefined) {
      this.#authorization = await authorize(reply, this.#host, this.#reference, this.#access);
      reply = await send();
    }
    return this.#read(reply, kind, name);
  }

  #read({ status, headers, body }: Reply, kind: string, name: string): Found {
    const { repository } = this.#reference;
    if (status === 401 || status === 403) throw refused(this.#host, undefined, status);
    if (status === 404)
      throw new BerthError(
        'unreachable',
        `${this.#host} has no ${repository}${kind === 'manifests' && !name.includes(':') ? `:${name}` : `@${name}`}`,
        'push it there, or correct the reference',
      );
    if (status !== 200)
      throw new BerthError(
        'unreachable',
        `${this.#host} answered ${status} for ${repository}`,
        'see the log of the registry, then try again',
      );
    const digest = `sha256:${createHash('sha256').update(body).digest('hex')}`;
    const said = isDigest(name) ? name : headers['docker-content-digest'];
    if (isDigest(said) && said !== digest)
      throw new BerthError(
        'damaged',
        `${this.#host} says ${said} of ${repository}, and sent ${digest}`,
        'something on the way changes what is sent; find it before you pull',
      );
    try {
      return {
        digest,
        type: (headers['content-type'] ?? '').split(';')[0] ?? '',
        content: JSON.parse(body.toString()) as Found['content'],
      };
    } catch {
      throw new BerthError(
        'unreachable',
        `${this.#host} sent something else than a manifest for ${repository}`,
        'see that it is a registry that answers there',
      );
    }
  }
}

interface Descriptor {
  readonly digest?: unknown;
  readonly platform?: { readonly os?: string; readonly architecture?: string; readonly variant?: string };
}

const platformName = ({ os = '', architecture = '', variant }: NonNullable<Descriptor['platform']>): string =>
  [os, architecture, variant].filter((part) => part !== undefined && part !== '').join('/');

function configOf({ content }: Found, reference: string): string {
  const { digest } = (content['config'] ?? {}) as Descriptor;
  if (isDigest(digest)) return digest;
  throw new BerthError('unreachable', `${reference} is of a format that no present engine writes`, 'push it again with a present engine');
}

/** Every platform of a list that an engine could run; what builders attach to a list says it is for `unknown`. */
async function platformsOf(list: Found, registry: Registry, reference: string): Promise<readonly LockedPlatform[]> {
  const entries = ((list.content['manifests'] ?? []) as readonly Descriptor[]).flatMap(({ digest, platform }) =>
    isDigest(digest) && platform && platform.os !== 'unknown' ? [{ manifest: digest, platform: platformName(platform) }] : [],
  );
  const platforms: LockedPlatform[] = [];
  for (const { manifest, platform } of entries)
    platforms.push({ platform, manifest, config: configOf(await registry.find('manifests', manifest), reference) });
  return platforms;
}

/** What a reference means to its registry now. A reference with a digest means that, whatever its tag. */
export async function resolveImage(text: string, access: RegistryAccess): Promise<Omit<LockedImage, 'since'>> {
  const reference = parseReference(text);
  const registry = new Registry(reference, access);
  const found = await registry.find('manifests', reference.digest ?? reference.tag);
  if (lists.includes(found.type)) return { digest: found.digest, platforms: await platformsOf(found, registry, text) };
  const config = configOf(found, text);
  const { content } = await registry.find('blobs', config);
  const platform = platformName(content);
  return { digest: found.digest, platforms: [{ platform, manifest: found.digest, config }] };
}
