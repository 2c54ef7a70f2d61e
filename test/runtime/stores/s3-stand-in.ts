import { createHash } from 'node:crypto';
import http, { type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { signHeaders, type Credentials } from '../../../runtime/stores/s3/sign.ts';

interface Item {
  readonly body: Buffer;
  readonly modified: Date;
  /** What is kept with it, tags included. */
  readonly headers?: Readonly<Record<string, string>>;
}
interface Upload {
  readonly key: string;
  readonly begun: Date;
  readonly headers?: Item['headers'];
  readonly parts: Map<number, Buffer>;
}

interface StandIn extends AsyncDisposable {
  readonly endpoint: URL;
  readonly objects: Map<string, Item>;
  readonly uploads: Map<string, Upload>;
  /** The only ones that it takes; may be changed. */
  credentials: Credentials;
  /** A server that has never heard of If-None-Match. */
  ignoresConditions: boolean;
}

const region = 'us-east-1';
const pageLength = 3;
const leastPart = 65_536;
const hash = (bytes: Buffer, algorithm = 'sha256'): string => createHash(algorithm).update(bytes).digest('hex');

const tagging = 'x-amz-tagging';
const keptOf = (headers: IncomingMessage['headers']): Readonly<Record<string, string>> =>
  Object.fromEntries(
    Object.entries(headers).flatMap(([name, value]) =>
      /^(?:content-type|x-amz-meta-.*|x-amz-tagging)$/.test(name) ? [[name, String(value)]] : [],
    ),
  );
/** As it was signed: `.` and `..` are names in a bucket. */
const pathOf = (request: IncomingMessage): string => (request.url ?? '/').split('?')[0] ?? '/';

class Refused extends Error {
  readonly status: number;
  readonly code: string;
  constructor(status: number, code: string) {
    super(code);
    this.status = status;
    this.code = code;
  }
}

/**
 * As much of S3 as the adapter uses, in this process: for what only a scripted server shows. That it behaves like a real one is held
 * by the contract, which runs on both.
 */
export async function s3StandIn(first: Credentials): Promise<StandIn> {
  const state = { credentials: first, ignoresConditions: false, objects: new Map<string, Item>(), uploads: new Map<string, Upload>() };
  let counter = 0;

  const answerBucket = (method: string, query: URLSearchParams): string => {
    if (method !== 'GET') throw new Refused(405, 'MethodNotAllowed');
    const prefix = query.get('prefix') ?? '';
    if (query.has('uploads')) return listUploads(prefix, query);
    const keys = [...state.objects.keys()]
      .filter((key) => key.startsWith(prefix))
      .sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
    const start = Number(query.get('continuation-token') ?? 0);
    const page = keys.slice(start, start + pageLength);
    const more = start + pageLength < keys.length;
    const contents = page.map((key) => {
      const { body, modified } = state.objects.get(key)!;
      return `<Contents><Key>${encodeURIComponent(key)}</Key><LastModified>${modified.toISOString()}</LastModified><ETag>&quot;${hash(body, 'md5')}&quot;</ETag><Size>${body.length}</Size></Contents>`;
    });
    return `<?xml version="1.0"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><IsTruncated>${more}</IsTruncated>${contents.join('')}${more ? `<NextContinuationToken>${start + pageLength}</NextContinuationToken>` : ''}</ListBucketResult>`;
  };

  const listUploads = (prefix: string, query: URLSearchParams): string => {
    const all = [...state.uploads].filter(([, { key }]) => key.startsWith(prefix)).sort(([a], [b]) => (a < b ? -1 : 1));
    const rest = all.filter(([id]) => id > (query.get('upload-id-marker') ?? ''));
    const page = rest.slice(0, pageLength);
    const [lastId, last] = page.at(-1) ?? [];
    const uploads = page.map(
      ([id, { key, begun }]) =>
        `<Upload><Key>${encodeURIComponent(key)}</Key><UploadId>${id}</UploadId><Initiated>${begun.toISOString()}</Initiated></Upload>`,
    );
    const markers =
      rest.length > pageLength
        ? `<NextKeyMarker>${encodeURIComponent(last?.key ?? '')}</NextKeyMarker><NextUploadIdMarker>${lastId}</NextUploadIdMarker>`
        : '';
    return `<ListMultipartUploadsResult><IsTruncated>${rest.length > pageLength}</IsTruncated>${markers}${uploads.join('')}</ListMultipartUploadsResult>`;
  };

  const answerObject = (request: IncomingMessage, key: string, query: URLSearchParams, body: Buffer, response: ServerResponse): void => {
    const uploadId = query.get('uploadId');
    if (request.method === 'POST' && query.has('uploads')) {
      const id = `upload-${String((counter += 1)).padStart(6, '0')}`;
      state.uploads.set(id, { key, begun: new Date(), parts: new Map(), headers: { ...keptOf(request.headers), [tagging]: '' } });
      return void response.end(
        `<InitiateMultipartUploadResult><Key>${key}</Key><UploadId>${id}</UploadId></InitiateMultipartUploadResult>`,
      );
    }
    if (uploadId !== null) return answerUpload(request, key, uploadId, query, body, response);
    const found = state.objects.get(key);
    if (request.method === 'PUT' && query.has('tagging') && found !== undefined) {
      const tags = [...body.toString().matchAll(/<Key>(.*?)<\/Key><Value>(.*?)<\/Value>/g)].map(([, name = '', value = '']) => [
        name,
        value,
      ]);
      state.objects.set(key, { ...found, headers: { ...found.headers, [tagging]: String(new URLSearchParams(Object.fromEntries(tags))) } });
      return void response.end();
    }
    if (request.method === 'PUT') {
      if (request.headers['if-none-match'] === '*' && found && !state.ignoresConditions) throw new Refused(412, 'PreconditionFailed');
      state.objects.set(key, { body, modified: new Date(), headers: keptOf(request.headers) });
      return void response.setHeader('etag', `"${hash(body, 'md5')}"`).end();
    }
    if (request.method === 'DELETE') {
      state.objects.delete(key);
      return void response.writeHead(204).end();
    }
    if (found === undefined) throw new Refused(404, 'NoSuchKey');
    if (query.has('tagging')) return void response.end(tagsAsXml(found));
    sendObject(request, found, response);
  };

  const answerUpload = (
    request: IncomingMessage,
    key: string,
    uploadId: string,
    query: URLSearchParams,
    body: Buffer,
    response: ServerResponse,
  ): void => {
    const upload = state.uploads.get(uploadId);
    if (upload?.key !== key) throw new Refused(404, 'NoSuchUpload');
    if (request.method === 'PUT') {
      upload.parts.set(Number(query.get('partNumber')), body);
      return void response.setHeader('etag', `"${hash(body, 'md5')}"`).end();
    }
    if (request.method === 'DELETE') {
      state.uploads.delete(uploadId);
      return void response.writeHead(204).end();
    }
    const numbers = [...body.toString().matchAll(/<PartNumber>(\d+)<\/PartNumber><ETag>&quot;(\w+)&quot;/g)];
    const parts = numbers.map(([, number, tag]) => {
      const part = upload.parts.get(Number(number));
      if (part === undefined || hash(part, 'md5') !== tag) throw new Refused(400, 'InvalidPart');
      return part;
    });
    if (parts.length === 0 || parts.slice(0, -1).some((part) => part.length < leastPart)) throw new Refused(400, 'EntityTooSmall');
    state.objects.set(key, {
      body: Buffer.concat(parts),
      modified: new Date(),
      ...(upload.headers === undefined ? {} : { headers: upload.headers }),
    });
    state.uploads.delete(uploadId);
    response.end(
      `<?xml version="1.0"?>\n<CompleteMultipartUploadResult><Key>${key}</Key><ETag>"x-${parts.length}"</ETag></CompleteMultipartUploadResult>`,
    );
  };

  const handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const body = Buffer.concat(chunks);
    const url = new URL(request.url ?? '/', 'http://x');
    try {
      checkRequest(request, url, body, state.credentials);
      const [, bucket, ...rest] = pathOf(request).split('/').map(decodeURIComponent);
      if (bucket !== 'backups') throw new Refused(404, 'NoSuchBucket');
      const key = rest.join('/');
      if (key === '') response.end(answerBucket(request.method ?? '', url.searchParams));
      else answerObject(request, key, url.searchParams, body, response);
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      response
        .writeHead(error.status)
        .end(
          request.method === 'HEAD'
            ? ''
            : `<?xml version="1.0"?><Error><Code>${error.code}</Code><Message>No: &lt;${error.code}&gt;</Message></Error>`,
        );
    }
  };

  const server = http.createServer((request, response) => void handle(request, response).catch(() => response.destroy()));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return Object.assign(state, {
    endpoint: new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}`),
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  });
}

const tagsOf = ({ headers }: Item): readonly (readonly [string, string])[] => [...new URLSearchParams(headers?.[tagging] ?? '')];

const tagsAsXml = (item: Item): string =>
  `<Tagging><TagSet>${tagsOf(item)
    .map(([name, value]) => `<Tag><Key>${name}</Key><Value>${value}</Value></Tag>`)
    .join('')}</TagSet></Tagging>`;

function sendObject(request: IncomingMessage, item: Item, response: ServerResponse): void {
  const { body, modified, headers: { [tagging]: _, ...headers } = {} } = item;
  const tag = `"${hash(body, 'md5')}"`;
  if (request.headers['if-match'] !== undefined && request.headers['if-match'] !== tag) throw new Refused(412, 'PreconditionFailed');
  const [, from, to] = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? '') ?? [];
  if (from !== undefined && Number(from) >= body.length) throw new Refused(416, 'InvalidRange');
  const part = from === undefined ? body : body.subarray(Number(from), to === '' ? undefined : Number(to) + 1);
  response.writeHead(from === undefined ? 200 : 206, {
    ...headers,
    ...(tagsOf(item).length > 0 ? { 'x-amz-tagging-count': tagsOf(item).length } : {}),
    'content-length': part.length,
    'etag': tag,
    'last-modified': modified.toUTCString(),
  });
  response.end(request.method === 'HEAD' ? undefined : part);
}

/** Added by whoever signs. */
const signed = new Set(['x-amz-content-sha256', 'x-amz-date', 'x-amz-security-token']);

/** Says no to what was not signed with these credentials, or does not hash to what was signed. */
function checkRequest(request: IncomingMessage, url: URL, body: Buffer, credentials: Credentials): void {
  const { authorization = '', ...headers } = request.headers as Readonly<Record<string, string>>;
  if (!authorization.includes(`Credential=${credentials.accessKeyId}/`)) throw new Refused(403, 'InvalidAccessKeyId');
  const names = /SignedHeaders=([^,]+)/.exec(authorization)?.[1]?.split(';') ?? [];
  const time = headers['x-amz-date'] ?? '';
  const now = new Date(time.replace(/(....)(..)(..)T(..)(..)(..)Z/, '$1-$2-$3T$4:$5:$6Z'));
  if (Math.abs(now.getTime() - Date.now()) > 900_000) throw new Refused(403, 'RequestTimeTooSkewed');
  const bodyHash = headers['x-amz-content-sha256'] ?? '';
  const again = signHeaders(
    {
      method: request.method ?? '',
      path: pathOf(request),
      query: Object.fromEntries(url.searchParams),
      headers: Object.fromEntries(names.filter((name) => !signed.has(name)).map((name) => [name, headers[name] ?? ''])),
      bodyHash,
    },
    credentials,
    region,
    now,
  );
  if (again['authorization'] !== authorization) throw new Refused(403, 'SignatureDoesNotMatch');
  if (hash(body) !== bodyHash) throw new Refused(400, 'XAmzContentSHA256Mismatch');
}
