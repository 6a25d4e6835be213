/**
 * Large answers that their clients have not taken yet: so many together, and no client that has stopped taking.
 *
 * A page may be of eight million characters, and lies in memory until it is sent. Who asks for page after page and reads none must not be able to end the
 * gateway by that, whatever its token allows. Small answers always pass; streams are bounded by their own (stream-routes.ts).
 */
import type { FastifyInstance } from 'fastify';
import { problem, problemMediaType } from './problem.ts';

/** Characters from which an answer counts. */
const largeCharacters = 256 * 1024;
/** Together; one that is larger by itself passes alone. */
export const unsentCharactersMax = 64 * 1024 * 1024;

export interface UnsentOptions {
  /** A client that has taken nothing of a large answer for so long is cut off. */
  readonly stalledMs: number;
}

export function boundUnsent(app: FastifyInstance, { stalledMs }: UnsentOptions): void {
  let unsent = 0;
  app.addHook('onSend', async (request, reply, payload) => {
    // What changed something has been done, and says so.
    const isReading = request.method === 'GET';
    if (!isReading || typeof payload !== 'string' || payload.length < largeCharacters) return payload;
    if (unsent > 0 && unsent + payload.length > unsentCharactersMax) {
      void reply.code(tooMany.status).type(problemMediaType);
      return JSON.stringify(tooMany);
    }
    const { socket } = request;
    const cut = (): void => void socket.destroy();
    unsent += payload.length;
    socket.setTimeout(stalledMs, cut);
    reply.raw.once('close', () => {
      unsent -= payload.length;
      socket.off('timeout', cut);
    });
    return payload;
  });
}

const tooMany = problem(
  'too-many-answers',
  'Large answers wait for clients that do not read them; ask again later, or for fewer items.',
);
