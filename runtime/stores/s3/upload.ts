import type { HashedBlock } from '../../streams/blocks.ts';
import { inOrder } from '../../streams/in-order.ts';
import type { S3Client } from './client.ts';
import { digestFor } from './locked-objects.ts';
import { misbehaves } from './failures.ts';
import { isWhole, textOf } from './xml.ts';

/** Parts on their way at the same time. With the one being filled, three are in memory. */
const width = 2;
const abortMs = 10_000;

type Headers = Readonly<Record<string, string>>;

/**
 * A part that is larger than all would be sent alone goes as one request, without the ceremony.
 *
 * @param headers - Kept with the object. Where one of them locks it, every request has the MD5 that S3 asks for then.
 */
export async function uploadParts(
  client: S3Client,
  key: string,
  parts: AsyncIterable<HashedBlock>,
  signal: AbortSignal,
  headers: Headers = {},
): Promise<void> {
  const source = parts[Symbol.asyncIterator]();
  try {
    const first = await source.next();
    if (first.done === true) throw new TypeError(`no bytes at all for ${key}`);
    const second = await source.next();
    if (second.done === true) await putWhole(client, key, first.value, headers, signal);
    else await putParts(client, key, following([first.value, second.value], source), headers, signal);
  } finally {
    await source.return?.();
  }
}

async function* following<T>(begun: readonly T[], source: AsyncIterator<T>): AsyncGenerator<T> {
  yield* begun;
  for (let next = await source.next(); next.done !== true; next = await source.next()) yield next.value;
}

async function putWhole(
  client: S3Client,
  key: string,
  { chunks, bytes, sha256 }: HashedBlock,
  headers: Headers,
  signal: AbortSignal,
): Promise<void> {
  const request = {
    method: 'PUT',
    key,
    headers: { ...headers, ...digestFor(headers, chunks) },
    chunks,
    sha256,
    deed: `write ${key}`,
  } as const;
  await client.call(request, signal);
  await checkSize(client, key, bytes, signal);
}

/** https://docs.aws.amazon.com/AmazonS3/latest/userguide/mpuoverview.html: nobody sees the object before it is completed. */
async function putParts(
  client: S3Client,
  key: string,
  parts: AsyncIterable<HashedBlock>,
  headers: Headers,
  signal: AbortSignal,
): Promise<void> {
  const uploadId = await begin(client, key, headers, signal);
  try {
    let bytes = 0;
    let number = 0;
    const tags: string[] = [];
    const sent = inOrder(parts, width, async (part) =>
      sendPart(client, { key, uploadId, number: (number += 1), headers: digestFor(headers, part.chunks) }, part, signal),
    );
    for await (const part of sent) {
      tags.push(part.tag);
      bytes += part.bytes;
    }
    signal.throwIfAborted();
    await complete(client, key, uploadId, tags, bytes, signal);
    await checkSize(client, key, bytes, signal);
  } catch (error) {
    await abort(client, key, uploadId);
    throw error;
  }
}

async function begin(client: S3Client, key: string, headers: Headers, signal: AbortSignal): Promise<string> {
  const { body } = await client.call({ method: 'POST', key, headers, query: { uploads: '' }, deed: `begin to write ${key}` }, signal);
  const uploadId = textOf(body, 'UploadId');
  if (uploadId === undefined || uploadId === '') throw misbehaves(`it began no upload of ${key}, but answered ${body.slice(0, 200)}`);
  return uploadId;
}

async function sendPart(
  client: S3Client,
  {
    key,
    uploadId,
    number,
    headers: sent,
  }: { readonly key: string; readonly uploadId: string; readonly number: number; readonly headers: Headers },
  { chunks, bytes, sha256 }: HashedBlock,
  signal: AbortSignal,
): Promise<{ readonly tag: string; readonly bytes: number }> {
  const query = { uploadId, partNumber: String(number) };
  const request = { method: 'PUT', key, query, headers: sent, chunks, sha256, deed: `write part ${number} of ${key}` } as const;
  const { headers } = await client.call(request, signal);
  return { tag: headers.etag ?? '', bytes };
}

async function complete(
  client: S3Client,
  key: string,
  uploadId: string,
  tags: readonly string[],
  bytes: number,
  signal: AbortSignal,
): Promise<void> {
  const parts = tags.map((tag, index) => `<Part><PartNumber>${index + 1}</PartNumber><ETag>${tag.replaceAll('"', '&quot;')}</ETag></Part>`);
  const chunks = [Buffer.from(`<CompleteMultipartUpload>${parts.join('')}</CompleteMultipartUpload>`)];
  const request = { method: 'POST', key, query: { uploadId }, chunks, deed: `finish writing ${key}`, accept: [404] } as const;
  const answer = await client.call(request, signal);
  if (answer.status === 404) {
    // The upload is gone: an earlier try has finished it without our hearing of it, or somebody aborted it.
    if ((await sizeOf(client, key, signal)) !== bytes) throw misbehaves(`the upload of ${key} is gone, and what lies there is not it`);
    return;
  }
  if (!isWhole(answer.body, 'CompleteMultipartUploadResult'))
    throw misbehaves(`it did not say that ${key} is complete, but ${answer.body.slice(0, 200)}`);
}

/** A server that takes bytes and loses some is found out before anything rests on them. */
async function checkSize(client: S3Client, key: string, bytes: number, signal: AbortSignal): Promise<void> {
  const found = await sizeOf(client, key, signal);
  if (found !== bytes) throw misbehaves(`${key} has ${found ?? 'no'} bytes there, and ${bytes} were sent`);
}

export async function sizeOf(client: S3Client, key: string, signal: AbortSignal): Promise<number | undefined> {
  const { status, headers } = await client.call({ method: 'HEAD', key, accept: [404], deed: `look for ${key}` }, signal);
  return status === 404 ? undefined : Number(headers['content-length']);
}

/** Best effort, also when the caller was told to stop: what stays is removed by `clean`. */
async function abort(client: S3Client, key: string, uploadId: string): Promise<void> {
  const request = { method: 'DELETE', key, query: { uploadId }, accept: [404], deed: `give up ${key}` } as const;
  await client.call(request, AbortSignal.timeout(abortMs)).catch(() => undefined);
}
