import { request } from 'node:https';
import { parseReference, registryHost } from '../../model/image-reference.ts';
import { isKnown, notKnown } from '../../model/host-state.ts';
import type { ImageState, Seen } from '../../model/host-state.ts';
import { json, outputOf } from './view.ts';
import type { HostView } from './view.ts';

const hostOf = (reference: string): string => registryHost(parseReference(reference));

type Registry = NonNullable<ImageState['registry']>;
type AskRegistry = (host: string) => Promise<Registry>;

const patience = 5000;

/** Any answer will do, also one that wants a login. Whether its certificate is to be trusted is for the engine to say, which has certificates of its own. */
const askRegistry: AskRegistry = (host) =>
  new Promise((resolve) => {
    const answer = (answers: boolean, detail: string) => resolve({ host, answers, detail });
    const asked = request(`https://${host}/v2/`, { rejectUnauthorized: false, timeout: patience }, (response) => {
      response.resume();
      answer(true, `answers ${response.statusCode ?? 0}`);
    });
    asked.on('timeout', () => asked.destroy(new Error(`no answer within ${patience / 1000} s`)));
    asked.on('error', (error: NodeJS.ErrnoException) => answer(false, error.code ?? error.message));
    asked.end();
  });

/** Every image: whether it is here, and for those that are not, whether their registry answers. Each registry is asked once. */
export async function readImages(
  view: HostView,
  references: readonly string[],
  proxied: boolean,
  ask: AskRegistry = askRegistry,
): Promise<Seen<readonly ImageState[]>> {
  const here = new Map<string, string>();
  for (const reference of references) {
    const text = await outputOf(view, 'docker', 'image', 'inspect', reference);
    if (typeof text === 'string') here.set(reference, json(text).list[0]?.at('Architecture').text ?? '');
    else if (!/no such image|No such object/i.test(text.notKnown)) return notKnown(text.notKnown);
  }
  const hosts = [...new Set(references.filter((reference) => !here.has(reference)).map(hostOf))];
  const answers = new Map(
    await Promise.all(
      hosts.map(
        async (host) => [host, proxied ? notKnown('the engine fetches through a proxy, which was not tried') : await ask(host)] as const,
      ),
    ),
  );
  return references.map((reference) => {
    const architecture = here.get(reference);
    const registry = answers.get(hostOf(reference));
    if (architecture !== undefined) return { reference, architecture };
    return {
      reference,
      ...(registry === undefined || !isKnown(registry) ? { registry: registry ?? notKnown('not asked') } : { registry }),
    };
  });
}
