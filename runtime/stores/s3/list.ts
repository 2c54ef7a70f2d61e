import type { ObjectInfo } from '../../ports/store.ts';
import type { S3Client } from './client.ts';
import { misbehaves } from './failures.ts';
import { elements, isWhole, named, textOf } from './xml.ts';

export async function* listObjects(
  client: S3Client,
  prefix: string,
  signal: AbortSignal,
): AsyncGenerator<ObjectInfo & { readonly etag: string }> {
  const query = { 'list-type': '2', 'prefix': prefix, 'encoding-type': 'url' };
  for await (const page of pages(client, query, 'ListBucketResult', ['NextContinuationToken', 'continuation-token'], signal))
    for (const each of elements(page, 'Contents'))
      yield {
        key: keyIn(each),
        bytes: Number(textOf(each, 'Size')),
        modified: new Date(textOf(each, 'LastModified') ?? ''),
        etag: (textOf(each, 'ETag') ?? '').replaceAll('"', ''),
      };
}

interface UnfinishedUpload {
  readonly key: string;
  readonly uploadId: string;
  readonly begun: Date;
}

export async function* listUploads(client: S3Client, prefix: string, signal: AbortSignal): AsyncGenerator<UnfinishedUpload> {
  const query = { 'uploads': '', 'prefix': prefix, 'encoding-type': 'url' };
  const markers = ['NextKeyMarker', 'key-marker', 'NextUploadIdMarker', 'upload-id-marker'];
  for await (const page of pages(client, query, 'ListMultipartUploadsResult', markers, signal))
    for (const each of elements(page, 'Upload'))
      yield { key: keyIn(each), uploadId: textOf(each, 'UploadId') ?? '', begun: new Date(textOf(each, 'Initiated') ?? '') };
}

/** What lies, or has lain, under a key. */
export interface ObjectVersion {
  readonly key: string;
  readonly versionId: string;
  readonly modified: Date;
  /** Says only that the object was deleted. */
  readonly isMarker: boolean;
}

/** All that a bucket with versions has under each key, the newest first. */
export async function* listVersions(client: S3Client, prefix: string, signal: AbortSignal): AsyncGenerator<readonly ObjectVersion[]> {
  const query = { 'versions': '', 'prefix': prefix, 'encoding-type': 'url' };
  const markers = ['NextKeyMarker', 'key-marker', 'NextVersionIdMarker', 'version-id-marker'];
  let of: ObjectVersion[] = [];
  for await (const page of pages(client, query, 'ListVersionsResult', markers, signal))
    for (const { name, xml } of named(page, ['Version', 'DeleteMarker'])) {
      const version = {
        key: keyIn(xml),
        versionId: textOf(xml, 'VersionId') ?? '',
        modified: new Date(textOf(xml, 'LastModified') ?? ''),
        isMarker: name === 'DeleteMarker',
      };
      if (of[0] !== undefined && of[0].key !== version.key) {
        yield of;
        of = [];
      }
      of.push(version);
    }
  if (of.length > 0) yield of;
}

/** With `encoding-type=url` keys come encoded as in a form. */
const keyIn = (xml: string): string => decodeURIComponent((textOf(xml, 'Key') ?? '').replaceAll('+', ' '));

/**
 * Every page of a list. @param markers - Pairs: the element that says where the next page begins, and the parameter that asks for it.
 *
 * @throws when a page is cut short, or is followed by itself: half a list is worse than none.
 */
async function* pages(
  client: S3Client,
  query: Readonly<Record<string, string>>,
  root: string,
  markers: readonly string[],
  signal: AbortSignal,
): AsyncGenerator<string> {
  const next: Record<string, string> = {};
  for (;;) {
    const { body } = await client.call({ method: 'GET', key: '', query: { ...query, ...next }, deed: 'list the bucket' }, signal);
    if (!isWhole(body, root)) throw misbehaves(`it gave no whole list, but ${body.slice(0, 200)}`);
    yield body;
    if (textOf(body, 'IsTruncated') !== 'true') return;
    const before = JSON.stringify(next);
    for (let pair = 0; pair < markers.length; pair += 2) {
      const marker = textOf(body, markers[pair] ?? '');
      if (marker !== undefined)
        next[markers[pair + 1] ?? ''] = query['list-type'] === undefined ? decodeURIComponent(marker.replaceAll('+', ' ')) : marker;
    }
    if (JSON.stringify(next) === before) throw misbehaves('it gives the same page of its list over and over');
  }
}
