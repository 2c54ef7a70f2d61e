import type { Handler } from './http.ts';
import type { Traffic } from './traffic.ts';

const UNREAD_LIMIT_BYTES = 64 * 1024;

/** Server-sent events: one tick a second until the client leaves, or until we do. */
export function ticks({
  traffic,
  now,
  everyMs = 1000,
}: {
  readonly traffic: Traffic;
  readonly now: () => Date;
  readonly everyMs?: number;
}): Handler {
  return ({ request, response }) => {
    response.writeHead(200, { 'Content-Type': 'text/event-stream; charset=utf-8', 'X-Accel-Buffering': 'no' });
    if (request.method === 'HEAD') return void response.end();
    response.write('retry: 1000\n\n');
    let tick = 0;
    const send = (): void => {
      if (response.writableLength > UNREAD_LIMIT_BYTES)
        response.destroy(); // a client that reads nothing is a client that left
      else response.write(`id: ${++tick}\nevent: tick\ndata: ${JSON.stringify({ tick, time: now().toISOString() })}\n\n`);
    };
    send();
    const timer = setInterval(send, everyMs);
    const forget = traffic.stream(() => response.end(), response);
    response.once('close', () => {
      clearInterval(timer);
      forget();
    });
  };
}
