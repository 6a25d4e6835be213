/**
 * The main thread's end of a thread that keeps something small beside the journal, in its file: requests out, answers in, matched by number.
 *
 * The thread is started by the first request, and anew after its death; one that nobody asks ends, since most gateways change seldom. Nothing rejects, and everything settles within seconds.
 */
import { fail, ok, type Result } from '../../std/result.ts';
import { ownFilesOf, type OwnFiles } from './own-files.ts';
import { beyondLinks } from './place.ts';
import { closing, startThread, type Thread } from './thread.ts';

export interface BesideFault {
  readonly fault: 'disk_full' | 'unavailable';
  /** In the store's words. */
  readonly detail: string;
}

/** The journal that it lies in, opened before. */
export interface BesidePlace {
  readonly file: string;
  readonly own: OwnFiles;
}

/** That of this moment, past links, as the journal's own. */
export function besidePlaceOf(given: string): BesidePlace {
  const file = beyondLinks(given);
  return { file, own: ownFilesOf(file) };
}

export type ToBeside<Request> =
  | { readonly type: 'ask'; readonly id: number; readonly request: Request }
  | { readonly type: 'close' };

export interface FromBeside<Answer> {
  readonly id: number;
  readonly answer: Result<Answer, BesideFault>;
}

/** The answer to a request has the same `type`. */
export interface BesideAsker<Request, Answer extends { readonly type: string }> {
  ask<Type extends Answer['type']>(
    request: Extract<Request, { readonly type: Type }>,
  ): Promise<Result<Extract<Answer, { readonly type: Type }>, BesideFault>>;
  close(): Promise<void>;
}

/** A disk that takes longer counts as failing. */
const answerMs = 10_000;

/** So long a thread is kept that nobody asks. */
const idleMs = 30_000;

/** `entry` is the thread's file; it serves with `serveBeside`. `name` is what is closed, for the fault's detail. */
export function createBesideAsker<Request, Answer extends { readonly type: string }>(
  entry: URL,
  data: unknown,
  name: string,
): BesideAsker<Request, Answer> {
  type Settled = Result<Answer, BesideFault>;
  const waiting = new Map<number, (answer: Settled) => void>();
  let thread: Thread<ToBeside<Request>, FromBeside<Answer>> | null = null;
  let lastId = 0;
  let isClosed = false;
  let idle: NodeJS.Timeout | undefined;

  const settle = (id: number, answer: Settled): void => {
    waiting.get(id)?.(answer);
    waiting.delete(id);
    clearTimeout(idle);
    if (waiting.size === 0) idle = setTimeout(letGo, idleMs).unref();
  };
  const letGo = (): void => {
    const last = thread;
    if (waiting.size > 0) return;
    thread = null;
    last?.send({ type: 'close' });
  };
  const start = (): Thread<ToBeside<Request>, FromBeside<Answer>> => {
    const started = startThread<ToBeside<Request>, FromBeside<Answer>>(entry, data);
    started.onMessage(({ id, answer }) => settle(id, answer));
    started.onEnd((detail) => {
      if (thread !== started) return;
      thread = null;
      for (const id of waiting.keys()) settle(id, unavailable(detail));
    });
    return started;
  };

  return {
    async ask<Type extends Answer['type']>(request: Extract<Request, { readonly type: Type }>) {
      if (isClosed) return unavailable(`${name} is closed`);
      thread ??= start();
      lastId += 1;
      const id = lastId;
      const answer = Promise.withResolvers<Settled>();
      waiting.set(id, answer.resolve);
      const deadline = setTimeout(
        () => settle(id, unavailable(`no answer from the disk within ${answerMs} ms`)),
        answerMs,
      );
      thread.send({ type: 'ask', id, request });
      const settled = await answer.promise;
      clearTimeout(deadline);
      return settled.ok ? ok(settled.value as Extract<Answer, { readonly type: Type }>) : settled;
    },
    async close() {
      isClosed = true;
      clearTimeout(idle);
      if (thread === null) return;
      thread.send({ type: 'close' });
      await closing(thread.ended);
      // Nobody hears of it any more.
      for (const id of waiting.keys()) settle(id, unavailable(`${name} is closed`));
      clearTimeout(idle);
    },
  };
}

function unavailable(detail: string): { readonly ok: false; readonly fault: BesideFault } {
  return fail({ fault: 'unavailable', detail });
}
