/**
 * The simulated network: how stations reach the gateway's door and the gateway its backends, and every link there is.
 *
 * Pure. Whatever it does to a link it does through link-pair.ts; here are the openings: upgrades, dials, refusals and silence.
 */
import type { Dialer, DialOutcome, DialRequest } from '../../ports/dialer.ts';
import type { Arrival } from '../../ports/listener.ts';
import type { LinkHandler } from '../../ports/link.ts';
import type { StationId } from '../../protocol/station-id.ts';
import type { OcppVersion } from '../../protocol/version.ts';
import type { Random, Range } from '../random.ts';
import type { BackendPeer } from './backend-peer.ts';
import { createLinkPair, cutLink, type LinkPair, type LinkWatch, type PairLabel } from './link-pair.ts';
import type { Scheduler } from './scheduler.ts';
import type { Knock } from './station-peer.ts';

export interface NetworkOptions {
  readonly scheduler: Scheduler;
  /** A stream of randomness for what happens between a station, or the gateway on its behalf, and that peer: what one link draws moves no other. */
  readonly randomOf: (link: string) => Random;
  readonly latencyMs: Range;
  readonly closeTimeoutMs: number;
  readonly congestedBytes: number;
  readonly watch: LinkWatch;
  readonly isAuthenticated: boolean;
  readonly backend: (name: string) => BackendPeer;
  /** A backend has just accepted a link. */
  readonly served: (pair: LinkPair, version: OcppVersion) => void;
  /** The gateway's end of a link is about to be handed over. */
  readonly opened: (pair: LinkPair, version: OcppVersion) => void;
}

/** The gateway's door; null while no process runs. */
export type FrontDoor = ((arrival: Arrival) => void) | null;

const dialTimeoutMs = 10_000;
const upgradeTimeoutMs = 15_000;
const patienceMs = 20_000;

export class Network {
  readonly #options: NetworkOptions;
  #numbers = 0;
  /** Links that are not over on both sides. */
  #pairs: LinkPair[] = [];
  door: FrontDoor = null;
  /** Counts processes: what an old one dialled never reaches a new one. */
  #process = 0;
  readonly #randoms = new Map<string, Random>();

  constructor(options: NetworkOptions) {
    this.#options = options;
  }

  /** Links with at least one end that believes in them. */
  livePairs(): readonly LinkPair[] {
    this.#pairs = this.#pairs.filter(({ gateway, peer }) => !gateway.isClosed || !peer.isClosed);
    return this.#pairs;
  }

  /** A station's attempt to connect. */
  knock(id: string, offers: readonly string[], knock: Knock): void {
    const { scheduler } = this.#options;
    const latency = (): number => this.#latency({ station: id, with: '' });
    scheduler.after(latency(), () => {
      if (this.door === null) return void scheduler.after(latency(), () => knock.onRefused());
      this.door(this.#arrival(id, offers, knock));
    });
  }

  /** A dialer for one process of the gateway. */
  dialer(): Dialer {
    this.#process += 1;
    const process = this.#process;
    return {
      dial: (request, handler, outcome, owner) => this.#dial(process, request, handler, outcome, owner),
    };
  }

  /** The process is killed. Its machine tells the peers, or has lost its power and they learn of it late or never. */
  lose(keepsPower: boolean): void {
    this.#process += 1;
    this.door = null;
    for (const pair of this.livePairs()) {
      if (!keepsPower)
        cutLink(pair, {
          gatewayMs: Infinity,
          peerMs: this.#randomOf(pair.label).pick([0, 20_000, Infinity]),
        });
      pair.gateway.abandon();
    }
  }

  #arrival(id: string, offers: readonly string[], knock: Knock): Arrival {
    const { scheduler } = this.#options;
    const label = { station: id, with: '' };
    let isAnswered = false;
    const answer = (): boolean => {
      const isFirst = !isAnswered;
      isAnswered = true;
      return isFirst;
    };
    const leave = (): void => {
      if (!answer()) return;
      arrival.onGone?.();
      knock.onRefused();
    };
    // The listener's deadline, or the station's own patience, whichever ends first.
    scheduler.after(Math.min(upgradeTimeoutMs, patienceMs * (0.5 + this.#randomOf(label).next())), leave);
    const arrival: Arrival = {
      station: id as StationId,
      offered: offers,
      peer: '192.0.2.1',
      isAuthenticated: this.#options.isAuthenticated,
      credential: null,
      onGone: null,
      accept: (version, handler, owner) => {
        if (!answer()) return null;
        const pair = this.#open(id, '', version);
        pair.gateway.bind(handler, owner);
        scheduler.after(this.#latency(label), () => knock.onOpened(pair.peer, version));
        return pair.gateway;
      },
      refuse: () => {
        if (answer()) scheduler.after(this.#latency(label), () => knock.onRefused());
      },
    };
    return arrival;
  }

  #dial<Owner>(
    process: number,
    request: DialRequest,
    handler: LinkHandler<Owner>,
    outcome: DialOutcome<Owner>,
    owner: Owner,
  ): () => void {
    const { scheduler } = this.#options;
    const backend = this.#options.backend(request.backend.name);
    const label = { station: request.station as string, with: request.backend.name };
    let isOver = false;
    const isWanted = (): boolean => !isOver && process === this.#process;
    const refuse = (afterMs: number, fault: 'connect_failed' | 'timed_out'): void => {
      scheduler.after(afterMs, () => isWanted() && outcome.onRefused(owner, fault, 'simulated'));
    };
    scheduler.after(this.#latency(label), () => {
      if (!isWanted()) return;
      if (backend.reception === 'refuse') return refuse(this.#latency(label), 'connect_failed');
      if (backend.reception === 'deaf') return refuse(dialTimeoutMs, 'timed_out');
      const pair = this.#open(request.station, request.backend.name, request.version);
      this.#options.served(pair, request.version);
      backend.serve(request.station, pair.peer, request.version);
      scheduler.after(this.#latency(label), () => {
        if (!isWanted()) return pair.gateway.abandon();
        isOver = true;
        pair.gateway.bind(handler, owner);
        this.#options.opened(pair, request.version);
        outcome.onOpened(owner, pair.gateway);
      });
    });
    return () => {
      isOver = true;
    };
  }

  #open(station: string, backend: string, version: OcppVersion): LinkPair {
    const { scheduler, latencyMs, closeTimeoutMs, congestedBytes, watch } = this.#options;
    this.#numbers += 1;
    const label = { station, with: backend, number: this.#numbers };
    const pair = createLinkPair({
      label,
      scheduler,
      random: this.#randomOf(label),
      latencyMs,
      closeTimeoutMs,
      congestedBytes,
      watch,
    });
    this.#pairs.push(pair);
    if (backend === '') this.#options.opened(pair, version);
    return pair;
  }

  #latency(label: Pick<PairLabel, 'station' | 'with'>): number {
    return this.#randomOf(label).within(this.#options.latencyMs);
  }

  #randomOf({ station, with: peer }: Pick<PairLabel, 'station' | 'with'>): Random {
    const link = `${station}>${peer}`;
    const known = this.#randoms.get(link) ?? this.#options.randomOf(link);
    this.#randoms.set(link, known);
    return known;
  }
}
