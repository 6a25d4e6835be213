/**
 * One machine, whatever may come in whatever order, and a shadow of the world that its effects make: what is open, who waits for what.
 */
import { expect, test } from 'vitest';
import { createRandom, type Random } from '../../testkit/random.ts';
import { Bench, routing } from '../../testkit/station-bench.ts';
import { ocppVersions, type OcppVersion } from '../../protocol/version.ts';
import { plainAssignment, type RoutingTable } from '../routing/table.ts';
import type { Effect, LinkRef, StationEvent } from './events.ts';
import { graceMs } from './grace.ts';

const walks = 1_000;
const stepsEach = 120;
/** A call may wait for a slot as long as it may be outstanding, and again for the next tick. */
const answerMaxMs = 2 * 30_000 + 1_000;

interface Peer {
  readonly link: LinkRef;
  readonly version: OcppVersion;
  phase: 'dialling' | 'open' | 'closed';
  /** The id of the call that was sent to this peer, and when. */
  asked: { readonly id: string; readonly atMs: number } | null;
  /** The ids of calls that this peer made, and when. */
  readonly waits: Map<string, number>;
  calls: number;
}

class Walk {
  readonly bench = new Bench();
  readonly #random: Random;
  readonly #peers: Peer[] = [];
  readonly #arrivals = new Map<number, OcppVersion | null>();
  /** Peers that were pinged while time passed. */
  #pinged: Peer[] = [];
  #isQuiet = false;
  #epoch = 0;
  /** When the station was last here or at the door. */
  #hereAtMs = 0;

  constructor(seed: number) {
    this.#random = createRandom(seed);
    this.bench.context.random = () => this.#random.next();
    this.bench.context.settings = { ...this.bench.context.settings, connectsPerHour: 100_000 };
    this.#reroute();
  }

  run(): void {
    for (let count = 0; count < stepsEach; count += 1) this.#anything();
    if (this.#random.chance(0.5)) this.#quieten();
    const { nowMs } = this.bench.context;
    this.#do({
      type: 'drain_started',
      closeAtMs: nowMs + this.#random.below(30_000),
      deadlineMs: nowMs + 90_000,
    });
    expect([...this.#arrivals]).toEqual([]);
    this.#pass(91_000);
    expect(this.#peers.filter(({ phase }) => phase !== 'closed')).toEqual([]);
    expect(this.bench.last.wakeAtMs).toBe(Infinity);
  }

  /** Nothing happens any more but dials that fail and pongs: whoever is left gets an answer or a closed link in time. */
  #quieten(): void {
    this.#isQuiet = true;
    this.bench.context.isJournalWritable = true;
    for (let pass = 0; pass < 8; pass += 1) {
      for (const peer of this.#peers) if (peer.phase === 'dialling') this.#refuse(peer);
      this.#pass(answerMaxMs / 4);
    }
    expect([...this.#arrivals]).toEqual([]);
  }

  #anything(): void {
    const random = this.#random;
    const peer = this.#peers.length === 0 ? undefined : random.pick(this.#peers.slice(-4));
    const roll = random.below(100);
    if (roll < 8) this.#arrive();
    else if (roll < 18) this.#pass(random.pick([10, 500, 5_000, 20_000, 61_000]));
    else if (roll < 21) this.#reroute();
    else if (roll < 23) this.bench.context.isJournalWritable = random.chance(0.7);
    else if (roll < 25) this.#leave();
    else if (peer !== undefined) this.#move(peer);
  }

  /** What a peer may do; old ones do it late, and nothing may come of that. */
  #move(peer: Peer): void {
    const random = this.#random;
    if (peer.phase === 'dialling') return random.chance(0.8) ? this.#open(peer) : this.#refuse(peer);
    if (random.chance(0.03)) return this.#lose(peer);
    if (random.chance(0.1)) return this.#fromLink(peer, 'pong');
    this.#fromLink(peer, this.#text(peer));
  }

  #text(peer: Peer): string {
    const random = this.#random;
    if (peer.asked !== null && random.chance(0.5)) {
      const { id } = peer.asked;
      peer.asked = null;
      return random.chance(0.8) ? `[3,"${id}",{}]` : `[4,"${id}","InternalError","",{}]`;
    }
    if (random.chance(0.15)) return random.pick(odd);
    if (peer.version === 'ocpp2.1' && random.chance(0.1))
      return `[5,"c${1 + random.below(9)}","FormatViolation","",{}]`;
    const id = `c${(peer.calls += 1)}`;
    const call = random.pick(peer.link.side === 'station' ? stationCalls : commands);
    if (peer.phase === 'open') peer.waits.set(id, this.bench.context.nowMs);
    return `[2,"${id}",${call}]`;
  }

  #fromLink({ link }: Peer, text: string): void {
    const { epoch } = link;
    if (link.side === 'station')
      this.#do(text === 'pong' ? { type: 'station_pong', epoch } : { type: 'station_frame', epoch, text });
    else {
      const { backend } = link;
      this.#do(
        text === 'pong'
          ? { type: 'backend_pong', backend, epoch }
          : { type: 'backend_frame', backend, epoch, text },
      );
    }
  }

  #open(peer: Peer): void {
    if (peer.link.side !== 'backend') return;
    peer.phase = 'open';
    this.#do({ type: 'backend_opened', backend: peer.link.backend, epoch: peer.link.epoch });
  }

  #refuse(peer: Peer): void {
    if (peer.link.side !== 'backend') return;
    peer.phase = 'closed';
    const { backend, epoch } = peer.link;
    this.#do({ type: 'backend_refused', backend, epoch, fault: 'connect_failed', detail: '' });
  }

  #lose(peer: Peer): void {
    peer.phase = 'closed';
    peer.waits.clear();
    const lost = { code: null, reason: 'gone' };
    if (peer.link.side === 'station') this.#do({ type: 'station_lost', epoch: peer.link.epoch, ...lost });
    else this.#do({ type: 'backend_lost', backend: peer.link.backend, epoch: peer.link.epoch, ...lost });
  }

  #arrive(): void {
    const epoch = (this.#epoch += 1);
    this.#arrivals.set(epoch, null);
    const offered = [this.#random.pick(['ocpp1.6', 'ocpp1.6', 'ocpp2.0.1', 'ocpp2.1', 'ocpp9'])];
    this.#do({
      type: 'station_arrived',
      epoch,
      offered,
      isAuthenticated: this.#random.chance(0.5),
      isSameCredential: this.#random.chance(0.9),
    });
  }

  #leave(): void {
    const [epoch] = this.#arrivals.keys();
    if (epoch === undefined) return;
    this.#arrivals.delete(epoch);
    this.#do({ type: 'station_lost', epoch, code: null, reason: 'left' });
  }

  #reroute(): void {
    const random = this.#random;
    const assignment = (primary: string): RoutingTable['routes'][number]['assignment'] => ({
      ...plainAssignment(0, primary),
      actions: random.pick<ReadonlyMap<string, string>>([
        new Map(),
        new Map([['DataTransfer', 'vendor']]),
        new Map([['SecurityEventNotification', random.pick(['vendor', primary])]]),
      ]),
    });
    const versions = random.chance(0.7) ? ocppVersions : [random.pick(ocppVersions)];
    const table = routing([assignment(random.pick(['old', 'new']))], versions);
    const group = { name: 'abb', stations: null, vendor: 'ABB', model: null, firmware: null, tags: null };
    const abb = { stations: null, group: 'abb', assignment: assignment(random.pick(['old', 'new'])) };
    const revision = random.pick(['r1', 'r1', 'r2']);
    const facts = [...table.backends].filter(([name]) => name !== 'vendor' || random.chance(0.8));
    this.bench.context.routing = {
      groups: new Map([['abb', group]]),
      routes: random.chance(0.1) ? [] : [abb, ...table.routes],
      backends: new Map(facts.map(([name, backend]) => [name, { ...backend, revision }])),
    };
    this.#do({ type: 'routing_changed' });
  }

  /** Time passes, and the machine is woken when it asked for it, never otherwise. */
  #pass(ms: number): void {
    const { context } = this.bench;
    const untilMs = context.nowMs + ms;
    while (this.bench.last.wakeAtMs <= untilMs) {
      context.nowMs = Math.max(context.nowMs, this.bench.last.wakeAtMs);
      this.#do({ type: 'tick' });
      this.#answerPings();
      expect(this.bench.last.wakeAtMs, 'a tick leaves nothing that is due').toBeGreaterThan(context.nowMs);
    }
    context.nowMs = untilMs;
    if (!this.#isHere && untilMs - this.#hereAtMs >= graceMs)
      expect(
        this.#peers.filter(({ phase }) => phase !== 'closed'),
        'no backend believes in a station that is gone',
      ).toEqual([]);
    for (const { waits, phase } of this.#peers)
      for (const [id, atMs] of waits)
        if (phase === 'open')
          expect(untilMs - atMs, `${id} is answered in time`).toBeLessThanOrEqual(answerMaxMs + ms);
  }

  #answerPings(): void {
    const pinged = this.#pinged;
    this.#pinged = [];
    for (const peer of pinged)
      if (peer.phase === 'open' && (this.#isQuiet || this.#random.chance(0.9))) this.#fromLink(peer, 'pong');
  }

  #do(event: StationEvent): void {
    const wasHere = this.#isHere;
    for (const effect of this.bench.do(event)) this.#carryOut(effect);
    if (wasHere || this.#isHere) this.#hereAtMs = this.bench.context.nowMs;
  }

  get #isHere(): boolean {
    const { link, arrival } = this.bench.state;
    return link !== null || arrival !== null;
  }

  #carryOut(effect: Effect): void {
    switch (effect.type) {
      case 'accept':
        expect(this.#arrivals.delete(effect.epoch), 'an upgrade is answered once').toBe(true);
        this.#add({ side: 'station', epoch: effect.epoch }, effect.version, 'open');
        return;
      case 'refuse':
        expect(this.#arrivals.delete(effect.epoch), 'an upgrade is answered once').toBe(true);
        return;
      case 'dial':
        this.#add(
          { side: 'backend', backend: effect.backend, epoch: effect.epoch },
          effect.version,
          'dialling',
        );
        return;
      case 'close':
      case 'terminate':
        this.#close(this.#peerOf(effect.link));
        return;
      case 'send':
        this.#send(this.#peerOf(effect.link), effect.text);
        return;
      case 'ping':
        expect(this.#peerOf(effect.link).phase).toBe('open');
        this.#pinged.push(this.#peerOf(effect.link));
        return;
      case 'pause_reading':
      case 'resume_reading':
        expect(this.#peerOf(effect.link).phase).toBe('open');
        return;
      case 'notice':
    }
  }

  #add(link: LinkRef, version: OcppVersion, phase: Peer['phase']): void {
    const rivals = this.#peers.filter(
      (peer) =>
        peer.phase !== 'closed' &&
        (link.side === 'station'
          ? peer.link.side === 'station'
          : peer.link.side === 'backend' && peer.link.backend === link.backend),
    );
    expect(rivals, 'there is one link a side').toEqual([]);
    this.#peers.push({ link, version, phase, asked: null, waits: new Map(), calls: 0 });
  }

  #close(peer: Peer): void {
    expect(peer.phase, 'a link is closed once').not.toBe('closed');
    peer.phase = 'closed';
    peer.waits.clear();
  }

  #send(peer: Peer, text: string): void {
    expect(peer.phase, `nothing is sent to a link that is not open: ${text}`).toBe('open');
    const [type, id] = JSON.parse(text) as [number, string];
    const { nowMs } = this.bench.context;
    if (type === 2) {
      const isFree = peer.asked === null || nowMs - peer.asked.atMs >= 30_000;
      expect(isFree, 'one call is outstanding on a link').toBe(true);
      peer.asked = { id, atMs: nowMs };
    } else if (type === 3 || type === 4) {
      if (id !== 'odd' && id !== '-1') expect(peer.waits.delete(id), `${id} is answered once`).toBe(true);
    } else expect(peer.version).toBe('ocpp2.1');
  }

  #peerOf({ epoch, side }: LinkRef): Peer {
    const peer = this.#peers.find(({ link }) => link.epoch === epoch && link.side === side);
    if (peer === undefined) throw new Error(`an effect names a link that never was: ${side} ${epoch}`);
    return peer;
  }
}

const stationCalls = [
  '"Heartbeat",{}',
  '"Authorize",{"idTag":"A"}',
  '"DataTransfer",{"vendorId":"x"}',
  '"SecurityEventNotification",{"type":"x"}',
  '"StopTransaction",{"transactionId":1}',
  '"StopTransaction",{"transactionId":1234567}',
  '"TransactionEvent",{"seqNo":1}',
  '"BootNotification",{"chargePointVendor":"ABB"}',
  '"BootNotification",{"chargePointVendor":"other","chargingStation":{"vendorName":"ABB"}}',
] as const;

const commands = [
  '"Reset",{"type":"Soft"}',
  '"DataTransfer",{"vendorId":"x"}',
  '"TriggerMessage",{}',
] as const;

const odd = [
  'not json',
  '[]',
  '[2,"odd"]',
  '[3,"odd",{}]',
  '[4,"odd","GenericError","",{}]',
  '[6,"odd","NotifyPeriodicEventStream",{}]',
  '[9,"odd"]',
] as const;

test(`in ${walks} random lives nobody waits for ever, nothing is answered twice, and no old link is touched`, () => {
  for (let seed = 1; seed <= walks; seed += 1) {
    try {
      new Walk(seed).run();
    } catch (error) {
      throw new Error(`seed ${seed}: ${(error as Error).message}`, { cause: error });
    }
  }
});
