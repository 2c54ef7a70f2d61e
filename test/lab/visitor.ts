import https from 'node:https';
import { until } from './until.ts';

export interface Answer {
  readonly status: number;
  readonly body: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
}

interface Request {
  readonly path: string;
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

/** A user of a site: trusts the site's own authority and nothing else, keeps connections alive as a browser does. */
export class Visitor {
  readonly #agent: https.Agent;
  readonly #port: number;
  readonly #name: string;
  constructor(ca: string, port: number, name = 'localhost') {
    this.#agent = new https.Agent({ ca, keepAlive: true, maxSockets: 32 });
    this.#port = port;
    this.#name = name;
  }

  ask({ path, method = 'GET', headers = {}, body }: Request): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const request = https.request(
        {
          host: '127.0.0.1',
          port: this.#port,
          servername: this.#name,
          path,
          method,
          agent: this.#agent,
          timeout: 15_000,
          headers: { host: this.#name, ...headers, ...(body === undefined ? {} : { 'content-length': String(Buffer.byteLength(body)) }) },
        },
        (response) => {
          const chunks: Buffer[] = [];
          response
            .on('data', (chunk: Buffer) => chunks.push(chunk))
            .on('error', reject)
            .on('end', () => {
              resolve({ status: response.statusCode ?? 0, body: Buffer.concat(chunks).toString(), headers: response.headers });
            });
        },
      );
      request.on('error', reject).on('timeout', () => request.destroy(new Error('no answer within 15 s')));
      request.end(body);
    });
  }

  async json<T>(path: string): Promise<T> {
    return JSON.parse((await this.ask({ path })).body) as T;
  }

  /** Ask again until `look` is content with the answer. @throws with the last answer. */
  async until(asked: string | Request, look: (answer: Answer) => boolean): Promise<Answer> {
    const request = typeof asked === 'string' ? { path: asked } : asked;
    let last: Answer | undefined;
    const answer = async () => {
      last = undefined;
      last = await this.ask(request);
      return look(last) && last;
    };
    return until(answer, `${request.path} answers what is expected`, { tell: () => JSON.stringify(last) ?? 'it answered nothing' });
  }

  /** Send requests at a steady rate until told to stop; a fifth of them POST. */
  load(perSecond: number): { stop: () => Promise<{ readonly sent: number; readonly failed: readonly string[] }> } {
    const failed: string[] = [];
    const open = new Set<Promise<void>>();
    let sent = 0;
    const one = async (number: number): Promise<void> => {
      const post = number % 5 === 0;
      // Different addresses of browsers, so that a share of the traffic is a share of these.
      const headers = { 'user-agent': `visitor-${number % 97}` };
      try {
        const answer = await this.ask(
          post ? { path: '/echo', method: 'POST', body: 'x'.repeat(2000), headers } : { path: '/echo', headers },
        );
        if (answer.status >= 400) failed.push(`${post ? 'POST' : 'GET'} ${answer.status}`);
      } catch (error) {
        failed.push(`${post ? 'POST' : 'GET'} ${error instanceof Error ? error.message : String(error)}`);
      }
    };
    const timer = setInterval(() => {
      const promise = one(sent++).finally(() => open.delete(promise));
      open.add(promise);
    }, 1000 / perSecond);
    return {
      stop: async () => {
        clearInterval(timer);
        await Promise.all(open);
        return { sent, failed };
      },
    };
  }

  close(): void {
    this.#agent.destroy();
  }
}
