import type { IncomingMessage } from 'node:http';
import { Refused, sendJson, wantsHtml, type Exchange, type Handler } from './http.ts';
import { NOTE_LIMIT_BYTES, newNote } from './note.ts';
import type { Services } from './services.ts';

export const NOTES_SHOWN = 10;

const BODY_LIMIT_BYTES = 4 * NOTE_LIMIT_BYTES; // a form writes most bytes of a text that is not English as three characters

export interface NotesOptions {
  readonly services: Services;
  readonly now: () => Date;
  readonly newId: () => string;
}

export function addNote({ services, now, newId }: NotesOptions): Handler {
  return async (exchange) => {
    if (exchange.request.headers['sec-fetch-site'] === 'cross-site') throw new Refused(403, 'A note can only be left from this site.');
    const note = newNote(await noteText(exchange), now(), newId());
    await services.storage.put(note);
    try {
      await services.database.recordNote(note); // the row comes last: it says that the object is there
    } catch (error) {
      await services.storage.remove(note).catch(() => {}); // at worst an object without a row stays, which harms nobody
      throw error;
    }
    if (wantsHtml(exchange)) exchange.response.writeHead(303, { Location: '/#notes' }).end();
    else sendJson(exchange, 201, { key: note.key, createdAt: note.createdAt.toISOString() });
  };
}

export function listNotes({ services }: NotesOptions): Handler {
  return async (exchange) => {
    const [notes, recorded] = await Promise.all([services.storage.latest(NOTES_SHOWN), services.database.countNotes().catch(() => null)]);
    sendJson(exchange, 200, {
      recorded,
      notes: notes.map(({ key, text, createdAt }) => ({ key, createdAt: createdAt.toISOString(), text })),
    });
  };
}

async function noteText({ request }: Exchange): Promise<string> {
  const type = request.headers['content-type']?.split(';', 1)[0]?.trim().toLowerCase();
  if (type !== 'application/x-www-form-urlencoded' && type !== 'text/plain')
    throw new Refused(415, 'A note is sent as a form with the field "text", or as plain text.');
  const body = await readBody(request, BODY_LIMIT_BYTES);
  const text = (type === 'text/plain' ? body : (new URLSearchParams(body).get('text') ?? '')).replaceAll('\r\n', '\n').trim();
  if (text === '') throw new Refused(400, 'The note is empty.');
  if (Buffer.byteLength(text) > NOTE_LIMIT_BYTES) throw new Refused(413, `The note is longer than ${NOTE_LIMIT_BYTES} bytes.`);
  return text;
}

/** Reads to the end even when the body is too long, since a proxy still sending it would take our answer for a broken connection. */
async function readBody(request: IncomingMessage, limit: number): Promise<string> {
  const kept: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes <= limit) kept.push(chunk);
  }
  if (bytes > limit) throw new Refused(413, `The note is longer than ${NOTE_LIMIT_BYTES} bytes.`);
  return Buffer.concat(kept).toString('utf8');
}
