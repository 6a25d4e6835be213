/**
 * A simulated station as the world knows it: a life, the link it lives over, and the pings of its WebSocket stack.
 *
 * Pure. The life decides; this carries it out. Bursts are calls beyond the life's own, sent without waiting for answers, as some firmware does.
 */
import type { LinkHandler } from '../../ports/link.ts';
import type { OcppVersion } from '../../protocol/version.ts';
import type { Random } from '../random.ts';
import type { LifeEffect, LifeEvent, Payload, StationLife } from '../life-state.ts';
import { createLedger, noteText, stepWithLedger, type Ledger } from '../ledger.ts';
import { bodyText, callText, readMessage } from '../wire.ts';
import { cutLink, type LinkEnd } from './link-pair.ts';
import type { Scheduled, Scheduler } from './scheduler.ts';

/** How a station gets a link: exactly one of the two is called. */
export interface Knock {
  onOpened(end: LinkEnd, version: OcppVersion): void;
  onRefused(): void;
}

export interface Blurted {
  readonly action: string;
  readonly payload: Payload;
}

export interface StationWorld {
  readonly scheduler: Scheduler;
  readonly random: Random;
  readonly epochMs: number;
  knock(id: string, offers: readonly string[], knock: Knock): void;
  /** Told of every effect of the life, for the ledger and the trace. */
  lived(id: string, effect: LifeEffect): void;
}

const pingEveryMs = 30_000;
const pongWithinMs = 20_000;
const burstPrefix = 'burst-';

export class StationPeer {
  readonly id: string;
  readonly life: StationLife;
  readonly ledger: Ledger;
  readonly #world: StationWorld;
  #end: LinkEnd | null = null;
  #wake: Scheduled | null = null;
  #bursts = 0;
  /** Counts attempts to connect: only the last one's outcome matters. */
  #knocks = 0;
  #hasPong = false;
  /** How far its clock is from the world's. */
  #clockMs = 0;

  constructor(life: StationLife, world: StationWorld) {
    this.id = life.options.id;
    this.life = life;
    this.ledger = createLedger(life.options.id, life.version);
    this.#world = world;
  }

  /** It holds nothing that must be delivered and starts nothing; heartbeats go on. */
  get isSettled(): boolean {
    const { isWindingDown, queue, connectors } = this.life;
    return isWindingDown && queue.length === 0 && connectors.every(({ phase }) => phase === 'idle');
  }

  feed(event: LifeEvent): void {
    const { scheduler, epochMs } = this.#world;
    const effects = stepWithLedger(this.life, this.ledger, event, {
      nowMs: scheduler.nowMs,
      wallMs: epochMs + scheduler.nowMs + this.#clockMs,
    });
    for (const effect of effects) {
      this.#world.lived(this.id, effect);
      this.#execute(effect);
    }
    this.#wake?.cancel();
    this.#wake = scheduler.at(Math.max(this.life.wakeAtMs, scheduler.nowMs), () =>
      this.feed({ type: 'tick' }),
    );
  }

  /**
   * Sends that many calls at once, whatever is outstanding. Some are guaranteed, and some of those are said twice; not while the life holds older ones,
   * or the station itself would turn the order around.
   */
  burst(calls: number): void {
    const isCaughtUp = this.life.queue.length === 0;
    for (let count = 0; count < calls; count += 1) {
      this.#bursts += 1;
      const id = `${burstPrefix}${this.#bursts}`;
      if (isCaughtUp && count % 4 === 0) {
        const body = JSON.stringify({ type: 'StartupOfTheDevice', techInfo: `burst ${this.#bursts}` });
        this.#say(callText(id, 'SecurityEventNotification', body, 'compact'));
        if (count % 8 === 0) this.#say(callText(`${id}-again`, 'SecurityEventNotification', body, 'compact'));
      } else {
        const body = JSON.stringify({ vendorId: 'burst', data: `${this.#bursts}` });
        this.#say(callText(id, 'DataTransfer', body, 'compact'));
      }
    }
  }

  /** Its clock jumps. */
  shiftClock(ms: number): void {
    this.#clockMs += ms;
  }

  /** Says these calls at once, whatever is outstanding, and whatever its life knows of them. `id`: of all of them; null: each has its own. */
  blurt(calls: readonly Blurted[], id: string | null = null): void {
    for (const { action, payload } of calls) {
      this.#bursts += 1;
      const own = id ?? `${this.#bursts}`;
      this.#say(callText(`${burstPrefix}${own}`, action, bodyText(payload, 'compact'), 'compact'));
    }
  }

  /** Says something that is no frame. */
  babble(text: string): void {
    this.#say(text);
  }

  /** Beside the life, and yet on the ledger. */
  #say(text: string): void {
    if (this.life.link.phase !== 'open' || this.#end?.send(text) !== true) return;
    noteText(this.ledger, 'sent', this.#world.scheduler.nowMs, text);
  }

  #execute(effect: LifeEffect): void {
    switch (effect.type) {
      case 'connect':
        return this.#connect(effect.offers);
      case 'send':
        this.#end?.send(effect.text);
        return;
      case 'close':
        return this.#end === null ? this.#giveUpKnock() : this.#end.close(effect.code, 'station');
      case 'terminate':
        return this.#vanish();
      case 'answered':
      case 'discarded':
    }
  }

  /** The power is gone: sometimes the network tells the gateway, sometimes nobody does. */
  #vanish(): void {
    if (this.#end === null) return this.#giveUpKnock();
    if (this.#world.random.chance(0.5)) return this.#end.terminate();
    cutLink(this.#end.pair, { peerMs: 0, gatewayMs: Infinity });
  }

  #connect(offers: readonly OcppVersion[]): void {
    this.#knocks += 1;
    const knock = this.#knocks;
    this.#world.knock(this.id, offers, {
      onRefused: () => {
        if (knock === this.#knocks) this.feed({ type: 'closed' });
      },
      onOpened: (end, version) => {
        if (knock !== this.#knocks) return end.terminate();
        this.#end = end;
        end.bind(this.#handler, end);
        this.#keepAlive(end);
        this.feed({ type: 'opened', version });
      },
    });
  }

  /** It stops waiting for the link it asked for; should that come yet, nobody is there. */
  #giveUpKnock(): void {
    this.#knocks += 1;
    this.#world.scheduler.after(0, () => this.feed({ type: 'closed' }));
  }

  #keepAlive(end: LinkEnd): void {
    const { scheduler } = this.#world;
    scheduler.after(pingEveryMs, () => {
      if (!end.isOpen) return;
      this.#hasPong = false;
      end.ping();
      scheduler.after(pongWithinMs, () => {
        if (!end.isOpen) return;
        if (this.#hasPong) this.#keepAlive(end);
        else end.terminate();
      });
    });
  }

  readonly #handler: LinkHandler<LinkEnd> = {
    onText: (_end, text) => {
      if (readMessage(text)?.id.startsWith(burstPrefix) !== true) this.feed({ type: 'text', text });
      else if (this.life.link.phase === 'open')
        noteText(this.ledger, 'received', this.#world.scheduler.nowMs, text);
    },
    onPong: () => {
      this.#hasPong = true;
    },
    onDrained: () => undefined,
    onClosed: () => {
      this.#end = null;
      this.feed({ type: 'closed' });
    },
  };
}
