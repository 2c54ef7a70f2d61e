import { createHash } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import type { ObjectAttributes } from '../../../model/backup/object-row.ts';
import type { Bucket, ListedObject, OpenedObject } from '../../ports/bucket.ts';
import type { HashedBlock } from '../../streams/blocks.ts';
import { S3Client, type S3Options } from './client.ts';
import { formatQuery } from './sign.ts';
import { follow } from './download.ts';
import { listObjects } from './list.ts';
import { uploadParts } from './upload.ts';
import { elements, textOf } from './xml.ts';

/** What S3 keeps for an object and gives back as it was; dates and hashes of its own are not among them. */
const kept = /^(?:content-(?:type|disposition|encoding|language)|cache-control|expires|x-amz-website-redirect-location|x-amz-meta-.+)$/;
const absent = 404;
const changed = 412;

/** A bucket of users on anything that speaks S3: read for its backups, written to when they are restored. */
export class S3Bucket implements Bucket {
  readonly name: string;
  readonly #client: S3Client;
  constructor(options: S3Options) {
    this.name = `bucket ${options.bucket} at ${options.endpoint.origin}`;
    this.#client = new S3Client(options);
  }

  async *list(prefix: string, signal: AbortSignal): AsyncGenerator<ListedObject> {
    for await (const { key, bytes, modified, etag } of listObjects(this.#client, prefix, signal)) yield { key, bytes, modified, etag };
  }

  async open(key: string, etag: string | undefined, signal: AbortSignal): Promise<OpenedObject | 'changed' | 'gone'> {
    const headers = etag === undefined ? {} : { 'if-match': `"${etag}"` };
    const answer = await this.#client.open({ method: 'GET', key, headers, accept: [absent, changed], deed: `read ${key}` }, signal);
    if (answer.statusCode === absent || answer.statusCode === changed) {
      answer.resume();
      return answer.statusCode === absent ? 'gone' : 'changed';
    }
    try {
      const tagged = Number(answer.headers['x-amz-tagging-count'] ?? 0) > 0;
      return {
        bytes: Number(answer.headers['content-length']),
        etag: bare(answer.headers.etag ?? ''),
        modified: new Date(answer.headers['last-modified'] ?? 0),
        version: versionIn(answer.headers),
        headers: Object.fromEntries(
          Object.entries(answer.headers).flatMap(([name, value]) => (kept.test(name) && typeof value === 'string' ? [[name, value]] : [])),
        ),
        tags: tagged ? await this.#tags(key, signal) : {},
        body: follow(this.#client, key, answer, { from: 0 }, signal),
        close: () => answer.destroy(),
      };
    } catch (error) {
      answer.destroy();
      throw error;
    }
  }

  async write(key: string, parts: AsyncIterable<HashedBlock>, { headers, tags }: ObjectAttributes, signal: AbortSignal): Promise<void> {
    const tagging = formatQuery(tags);
    let sent = 0;
    const counted = async function* (): AsyncGenerator<HashedBlock> {
      for await (const part of parts) {
        sent += 1;
        yield part;
      }
    };
    await uploadParts(this.#client, key, counted(), signal, { ...headers, ...(tagging === '' ? {} : { 'x-amz-tagging': tagging }) });
    // Some servers forget them over an upload in parts.
    if (sent > 1 && tagging !== '') await this.#tag(key, tags, signal);
  }

  async delete(key: string, signal: AbortSignal): Promise<void> {
    await this.#client.call({ method: 'DELETE', key, accept: [absent], deed: `delete ${key}` }, signal);
  }

  async #tag(key: string, tags: Readonly<Record<string, string>>, signal: AbortSignal): Promise<void> {
    const set = Object.entries(tags).map(([name, value]) => `<Tag><Key>${escaped(name)}</Key><Value>${escaped(value)}</Value></Tag>`);
    const body = Buffer.from(`<Tagging><TagSet>${set.join('')}</TagSet></Tagging>`);
    const headers = { 'content-md5': createHash('md5').update(body).digest('base64') };
    await this.#client.call(
      { method: 'PUT', key, query: { tagging: '' }, headers, chunks: [body], deed: `write the tags of ${key}` },
      signal,
    );
  }

  async #tags(key: string, signal: AbortSignal): Promise<Readonly<Record<string, string>>> {
    const { body } = await this.#client.call(
      { method: 'GET', key, query: { tagging: '' }, accept: [absent], deed: `read the tags of ${key}` },
      signal,
    );
    return Object.fromEntries(elements(body, 'Tag').map((tag) => [textOf(tag, 'Key') ?? '', textOf(tag, 'Value') ?? '']));
  }
}

const escaped = (text: string): string => text.replaceAll(/[&<>"']/g, (sign) => `&#${sign.charCodeAt(0)};`);

const bare = (etag: string): string => etag.replaceAll('"', '');

function versionIn(headers: IncomingHttpHeaders): string | null {
  const version = headers['x-amz-version-id'];
  return typeof version === 'string' && version !== 'null' ? version : null;
}
