/**
 * A simulated backend as the world knows it: one life per station, the links it has, and how it receives new ones.
 *
 * Pure. The life (backend-life.ts) answers and commands; this carries it out and adds what concerns all stations at once: refusing, hanging, going down.
 */
import {
  createBackendStation,
  misbehaviours,
  stepBackend,
  type BackendEvent,
  type BackendOptions,
  type BackendStation,
  type Misbehaviour,
} from '../backend-life.ts';
import type { Command } from '../backend-answers.ts';
import type { LinkHandler } from '../../ports/link.ts';
import type { OcppVersion } from '../../protocol/version.ts';
import type { Random } from '../random.ts';
import type { LinkEnd } from './link-pair.ts';
import type { Scheduled, Scheduler } from './scheduler.ts';

/** What a dial gets: a link, a refusal, no answer at all, or a link that is closed again soon. */
export type Reception = 'welcome' | 'refuse' | 'deaf' | 'accept_then_close';

interface Client {
  readonly life: BackendStation;
  end: LinkEnd | null;
  wake: Scheduled | null;
}

/** Numbers of 1.6 transactions are disjoint between stations and between backends. */
const numbersPerStation = 100_000;

export class BackendPeer {
  /** Its own copy, which can be mended. */
  readonly options: BackendOptions & { commandEveryMs: number; bootsRefused: number };
  readonly #misbehave: Partial<Record<Misbehaviour, number>>;
  readonly #scheduler: Scheduler;
  readonly #random: Random;
  readonly #epochMs: number;
  readonly #firstNumber: number;
  readonly #clients = new Map<string, Client>();
  /** What came in while it hangs; null while it does not. */
  #backlog: (() => void)[] | null = null;
  reception: Reception = 'welcome';

  constructor(
    options: BackendOptions,
    scheduler: Scheduler,
    random: Random,
    epochMs: number,
    firstNumber: number,
  ) {
    this.#misbehave = { ...options.misbehave };
    this.options = { ...options, misbehave: this.#misbehave };
    this.#scheduler = scheduler;
    this.#random = random;
    this.#epochMs = epochMs;
    this.#firstNumber = firstNumber;
  }

  /** Takes a link that a dial opened. The newest link of a station is the one it talks on. */
  serve(station: string, end: LinkEnd, version: OcppVersion): void {
    const client = this.#clientOf(station);
    client.end = end;
    end.bind(this.#handler, { client, end });
    this.#feed(client, { type: 'opened', version });
    if (this.reception === 'accept_then_close')
      this.#scheduler.after(this.#random.within([0, 3_000]), () => end.close(1013, 'busy'));
  }

  /** Takes everything in and says nothing, for so long; then reads all of it, or has lost it. */
  hang(durationMs: number, readsLater: boolean): void {
    if (this.#backlog !== null) return;
    this.#backlog = [];
    this.#scheduler.after(durationMs, () => {
      const backlog = this.#backlog ?? [];
      this.#backlog = null;
      if (readsLater) for (const read of backlog) read();
    });
  }

  /** From now on it only answers, and answers well. */
  behaveWell(): void {
    this.options.commandEveryMs = Infinity;
    // A boot that is refused in peace would be told again long after it.
    this.options.bootsRefused = 0;
    for (const kind of misbehaviours) delete this.#misbehave[kind];
  }

  /** Asks this station something, whatever else is outstanding; not without a link to it. `commandOf`: from a number that it has not used for a request yet. */
  ask(station: string, commandOf: (version: OcppVersion, requestId: number) => Command): void {
    const client = this.#clients.get(station);
    if (client?.end?.isOpen !== true) return;
    const { version, stats } = client.life;
    const requestId = stats.commands + 1;
    this.#feed(client, { type: 'command', id: `ask-${requestId}`, ...commandOf(version, requestId) });
  }

  /** Says a text to one of its stations, whatever its life thinks of it. */
  interject(text: string): void {
    const open = [...this.#clients.values()].filter(({ end }) => end?.isOpen === true);
    if (open.length > 0) this.#random.pick(open).end?.send(text);
  }

  readonly #handler: LinkHandler<{ readonly client: Client; readonly end: LinkEnd }> = {
    onText: ({ client, end }, text) => {
      const read = (): void => {
        if (client.end === end) this.#feed(client, { type: 'text', text });
      };
      if (this.#backlog !== null) this.#backlog.push(read);
      else read();
    },
    onPong: () => undefined,
    onDrained: () => undefined,
    onClosed: ({ client, end }) => {
      if (client.end !== end) return;
      client.end = null;
      this.#feed(client, { type: 'closed' });
    },
  };

  #clientOf(station: string): Client {
    const known = this.#clients.get(station);
    if (known !== undefined) return known;
    const firstNumber = this.#firstNumber + this.#clients.size * numbersPerStation;
    const made: Client = {
      life: createBackendStation(this.options, station, firstNumber),
      end: null,
      wake: null,
    };
    this.#clients.set(station, made);
    return made;
  }

  #feed(client: Client, event: BackendEvent): void {
    const { nowMs } = this.#scheduler;
    for (const effect of stepBackend(client.life, event, { nowMs, wallMs: this.#epochMs + nowMs })) {
      if (effect.type === 'send') client.end?.send(effect.text);
      else client.end?.close(effect.code, 'backend');
    }
    client.wake?.cancel();
    client.wake = this.#scheduler.at(Math.max(client.life.wakeAtMs, nowMs), () =>
      this.#feed(client, { type: 'tick' }),
    );
  }
}
