/**
 * A world of stations, backends and one gateway, from a seed: an hour of life with faults, then peace until everything is delivered.
 *
 * Deterministic: the same seed and code give the same run, to the byte. The gateway in it is the real one from the station driver down; its ports are simulated.
 */
import { checkStationId } from '../../protocol/station-id.ts';
import type { AssignmentDecision } from '../../core/station/events.ts';
import type { StationRecord } from '../../core/journal/record.ts';
import type { OcppVersion } from '../../protocol/version.ts';
import { assert } from '../../std/assert.ts';
import type { DeliveryDecision, DeliverySnapshot } from '../../ports/deliveries.ts';
import type { StationSnapshot } from '../../ports/registry.ts';
import { violation, type Evidence, type Violation } from '../checkers.ts';
import type { HeldEntry } from '../../core/hold/held-lane.ts';
import type { HeldMessage } from '../../core/hold/held-message.ts';
import { createLedger, noteClosed, noteOpened, noteText, type Ledger } from '../ledger.ts';
import { checkRiskTurns } from '../journal-checkers.ts';
import { createLife } from '../life-state.ts';
import { contentOf } from '../read-once.ts';
import { createRandom, type Random } from '../random.ts';
import { checkLastViews } from '../view-checkers.ts';
import { BackendPeer } from './backend-peer.ts';
import { startChaos } from './chaos.ts';
import { deliveriesSeen } from './deciding.ts';
import { letGoOf } from './let-go.ts';
import { createDisk, openJournal, recentOn, savedCopy, type Disk, type SimulatedJournal } from './disk.ts';
import { startProcess, type CreateGateway, type Process } from './gateway.ts';
import { endsInOutage, startLastOutage } from './last-outage.ts';
import type { LinkPair, LinkWatch } from './link-pair.ts';
import { Monitor } from './monitor.ts';
import { Network } from './network.ts';
import {
  answerWithinMs,
  asPlanned,
  commandWithinMs,
  commitWithinMs,
  everyone,
  mayCover,
  planOf,
  settingsOf,
  type Operated,
  type Plan,
} from './plan.ts';
import { Scheduler } from './scheduler.ts';
import { StationPeer } from './station-peer.ts';
import { createTrace, type Trace } from './trace.ts';
import { judge } from './verdict.ts';

export interface WorldOptions {
  readonly seed: number;
  readonly createGateway: CreateGateway;
  /** Virtual time with faults. */
  readonly durationMs: number;
  /** Lines of trace that are kept. */
  readonly traceMax: number;
  /** Another plan than the seed's own. */
  readonly alter?: (plan: Plan) => Plan;
  /** Lives on after something broke, so that every checker has its say; the first break ends the run otherwise. */
  readonly goesOn?: boolean;
}

export interface Outcome {
  readonly seed: number;
  readonly plan: Plan;
  readonly violations: readonly Violation[];
  readonly trace: readonly string[];
  /** What every peer sent and received. */
  readonly evidence: Evidence;
  readonly stats: WorldStats;
}

export interface WorldStats {
  /** Virtual time lived. */
  livedMs: number;
  events: number;
  /** Texts at the gateway's ends. */
  frames: number;
  kills: number;
  faults: number;
  /** Stations that got another primary by decision. */
  moves: number;
  /** Decisions of operators about held messages, taken or not. */
  decisions: number;
  /** Transactions that changed hands, each as often as it did. */
  handovers: number;
  transactions: number;
  discarded: number;
  records: number;
}

/** Virtual time in which everything must be delivered once the faults have stopped. */
const settleMs = 40 * 60_000;

/** What a station has said so long ago its backend knows, when nothing has been wrong for longer. */
const viewBehindMs = 2 * 60_000;

/** Events beyond any honest run: a machine that wakes itself for ever. */
const eventsMax = 1_000_000;

/** Enough to know. */
const violationsMax = 200;

const epochMs = Date.UTC(2026, 0, 1);

/** Lives through one seed. */
export function runWorld(options: WorldOptions): Outcome {
  return new World(options).run();
}

export class World {
  readonly plan: Plan;
  readonly scheduler = new Scheduler();
  readonly stations: StationPeer[] = [];
  readonly backends = new Map<string, BackendPeer>();
  readonly network: Network;
  readonly disk: Disk = createDisk();
  readonly stats: WorldStats = {
    livedMs: 0,
    events: 0,
    frames: 0,
    kills: 0,
    faults: 0,
    moves: 0,
    decisions: 0,
    handovers: 0,
    transactions: 0,
    discarded: 0,
    records: 0,
  };
  readonly trace: Trace;
  readonly #options: WorldOptions;
  readonly #monitor: Monitor;
  /** Backend's name -> station -> what that backend saw. */
  readonly #ledgers = new Map<string, Map<string, Ledger>>();
  /** Where in which backend's ledger a link is written down. */
  readonly #pages = new Map<LinkPair, { readonly ledger: Ledger; readonly link: number }>();
  readonly #found: Violation[] = [];
  /** Contents of what operators said to drop, by station and number. */
  readonly #givenUp = new Map<string, string>();
  /** Keys of the transactions that changed hands because somebody wanted it: the message ids they begin with. */
  readonly #handed = new Set<string>();
  /** That is being decided just now. */
  #isHanding = false;
  #isEndless = false;
  #operated: Operated;
  #journal: SimulatedJournal | null = null;
  #process: Process | null = null;

  constructor(options: WorldOptions) {
    this.#options = options;
    const plan = options.alter?.(planOf(options.seed)) ?? planOf(options.seed);
    this.plan = plan;
    this.#operated = asPlanned(plan);
    const now = (): number => this.scheduler.nowMs;
    this.trace = createTrace(now, options.traceMax);
    this.#monitor = new Monitor({
      now,
      callTimeoutMs: Math.min(plan.callTimeoutMs, plan.station.callTimeoutMs),
      commitWithinMs: commitWithinMs(plan),
      answerWithinMs: answerWithinMs(plan),
      covers: mayCover(plan),
      commandWithinMs: commandWithinMs(plan),
    });
    this.disk.onCommitted = (record) => this.#monitor.committed(record);
    this.network = new Network({
      scheduler: this.scheduler,
      randomOf: (link) => this.random(`network ${link}`),
      latencyMs: plan.latencyMs,
      closeTimeoutMs: plan.closeTimeoutMs,
      congestedBytes: 65_536,
      watch: this.#watch(),
      isAuthenticated: plan.isAuthenticated,
      backend: (name) => this.backends.get(name) as BackendPeer,
      served: (pair, version) => this.#onServed(pair, version),
      opened: (pair, version) => this.#onOpened(pair, version),
    });
    everyone(plan).forEach((backend, index) => {
      this.backends.set(
        backend.name,
        new BackendPeer(
          backend,
          this.scheduler,
          this.random(backend.name),
          epochMs,
          plan.collides ? 1 : 1 + index * 1_000_000,
        ),
      );
      this.#ledgers.set(backend.name, new Map());
    });
  }

  /** A stream of randomness of its own. */
  random(stream: string): Random {
    return createRandom(this.plan.seed, `world/${stream}`);
  }

  run(): Outcome {
    const { durationMs } = this.#options;
    this.startProcess();
    for (const spec of this.plan.stations) this.#bear(spec.id);
    const chaos = startChaos(this);
    this.#pass(durationMs);
    chaos.stop();
    if (endsInOutage(this.plan) && !this.#isOver()) this.#passLastOutage();
    for (const station of this.stations) station.feed({ type: 'wind_down' });
    const endMs = this.scheduler.nowMs + settleMs;
    // Not in step with heartbeats, or one could be on its way each time.
    while (!this.#isSettled() && this.scheduler.nowMs < endMs) this.#pass(47_011);
    const holding = this.stations.filter(({ isSettled }) => !isSettled);
    // Whatever is still on its way comes to its end, also what a last command has brought about.
    if (holding.length === 0) this.#pass(2 * 60_000);
    // A heartbeat may stand behind another just then; none does so for long.
    for (let looks = 0; looks < 5 && this.#monitor.hasQueued; looks += 1) this.#pass(7_013);
    if (!this.#isOver()) this.#finish(holding);
    this.kill(true);
    return this.#outcome();
  }

  /** Starts a process of the gateway on what the disk holds. */
  startProcess(): void {
    assert(this.#process === null, 'one process of the gateway runs at a time');
    const { scheduler, disk, plan } = this;
    this.#monitor.restarted();
    this.#journal = openJournal(disk, scheduler, this.random(`journal ${this.stats.kills}`), plan.commitMs);
    this.#process = startProcess(
      {
        createGateway: this.#options.createGateway,
        scheduler,
        random: this.random(`gateway ${this.stats.kills}`),
        journal: this.#journal,
        dialer: this.network.dialer(),
        restored: new Map([...disk.stations].map(([id, durable]) => [id, savedCopy(durable)])),
        recent: recentOn(disk),
        held: new Map([...disk.held].map(([id, held]) => [id, Array.from(held.values(), copyOf)])),
        tokens: new Map(disk.tokens),
        risks: new Map(disk.risks),
        wheelSlotMs: plan.wheelSlotMs,
        epochMs,
        observer: {
          onRecord: (record) => this.#onRecord(record),
          onSent: () => undefined,
          onNotice: (station, notice) => {
            this.trace.note(`${station} gateway`, 'notice', notice);
            if (notice === 'stale_event') this.#monitor.staleNoticed();
          },
          onRefusal: (station, status, reason) =>
            this.trace.note(`${station} gateway`, 'refuse', `${status} ${reason}`),
          onBug: (station, bug) =>
            this.#found.push(
              violation('bug', station, String(bug), [bug instanceof Error ? (bug.stack ?? '') : '']),
            ),
        },
      },
      settingsOf(plan, this.#operated),
    );
    this.network.door = (arrival) => this.#process?.gateway.onArrival(arrival);
    this.trace.note('gateway', 'started', '');
  }

  /** Kills the process: its memory is lost, and with the power everything that peers could learn from its machine. */
  kill(keepsPower: boolean): void {
    if (this.#process === null) return;
    this.trace.note('gateway', 'killed', keepsPower ? '' : 'power lost');
    this.stats.kills += 1;
    this.#process.kill();
    this.#process = null;
    this.#journal = null;
    this.network.lose(keepsPower);
  }

  get isRunning(): boolean {
    return this.#process !== null;
  }

  /** Other settings from the next start, or reload, on. */
  reconfigure(change: (operated: Operated) => Operated): void {
    this.#operated = change(this.#operated);
    this.trace.note('operator', 'settings', JSON.stringify(this.#operated));
  }

  /** Applies other settings to the running process. */
  reload(change: (operated: Operated) => Operated): void {
    this.reconfigure(change);
    this.#process?.gateway.reload(settingsOf(this.plan, this.#operated));
  }

  primaryOf(station: string): string | null {
    const id = checkStationId(station);
    return id.ok ? (this.#process?.gateway.registry.station(id.value)?.primary ?? null) : null;
  }

  /** Decides whose a station is, and who listens in: what was connected stays so (M2), and only who knows the station gets it (M5). */
  decide(station: string, decision: AssignmentDecision): void {
    const gateway = this.#process?.gateway;
    const id = checkStationId(station);
    if (gateway === undefined || !id.ok) return;
    const before = gateway.registry.station(id.value);
    this.#isHanding = decision.do === 'cut_over' && decision.openTransactions === 'handover';
    void gateway.assignments.decide(id.value, decision);
    this.#isHanding = false;
    const after = gateway.registry.station(id.value);
    if (before === null || after === null) return;
    if (before.connected && !after.connected)
      this.#found.push(violation('M2', station, 'the station lost its link by a decision', []));
    if (before.primary === after.primary) {
      // The link of a station that is away is there for a delivery, which begins anew on the next one.
      if (before.connected && !isLeftAlone(linkTo(before, before.primary), linkTo(after, before.primary)))
        this.#found.push(violation('M2', station, 'a decision touched the link of a primary that stays', []));
      return;
    }
    this.stats.moves += 1;
    this.trace.note(`${station} gateway`, 'moved', `${before.primary} to ${after.primary}`);
    const target = before.backends.find(({ backend }) => backend === after.primary);
    if (decision.do === 'cut_over' && target?.state !== 'synced')
      this.#found.push(violation('M5', station, `${after.primary} got a station that it does not know`, []));
  }

  deliveries(): readonly DeliverySnapshot[] {
    return this.#process?.gateway.deliveries.list({ limit: deliveriesSeen }).items ?? [];
  }

  /** Decides about a held message; whether that is refused, the journal says in the end. What its backend may be booking right now is not to be given up. */
  settle({ station, number, backend, text, state }: DeliverySnapshot, decision: DeliveryDecision): void {
    const deliveries = this.#process?.gateway.deliveries;
    if (deliveries === undefined) return;
    this.trace.note('operator', decision, `${station} ${state} ${number}`);
    this.stats.decisions += 1;
    if (decision === 'drop') this.#givenUp.set(`${station} ${number}`, contentOf(text));
    const key = this.disk.held.get(station)?.get(number)?.message.key;
    const isOut = key !== undefined && this.#monitor.isOut(station, backend, key);
    // Its promise is for a shell in real time; the machine has decided by now.
    void deliveries.decide({ station, number }, decision);
    if (isOut && deliveries.find({ station, number }) === null)
      this.#found.push(violation('decided', station, `${backend} has what was dropped`, [text]));
  }

  /** Goes down in an orderly way. */
  drain(spreadMs: number, deadlineMs: number): void {
    this.trace.note('gateway', 'drain', '');
    this.#monitor.drainStarted();
    // Its promise is for a shell in real time; the process is killed at its deadline here.
    void this.#process?.gateway.drain(spreadMs, deadlineMs);
  }

  #pass(durationMs: number): void {
    const endMs = this.scheduler.nowMs + durationMs;
    this.scheduler.runUntil(endMs, () => {
      this.stats.events += 1;
      if (this.stats.events > eventsMax && !this.#isEndless) {
        this.#isEndless = true;
        this.#found.push(violation('liveness', '', 'the world does not come to rest', []));
      }
      return this.#isOver();
    });
    this.stats.livedMs = this.scheduler.nowMs;
  }

  #passLastOutage(): void {
    this.trace.note('chaos', 'last outage', '');
    this.#pass(startLastOutage(this));
    const registry = this.#process?.gateway.registry;
    if (registry === undefined || this.#isOver()) return;
    const primaries = [...registry.stations()].flatMap(({ id, connected, primary, backends }) => {
      const isThere = connected && backends.some((each) => each.backend === primary && each.link === 'open');
      return isThere && primary !== null ? [[id, primary] as const] : [];
    });
    const rules = { behindMs: viewBehindMs, endMs: this.scheduler.nowMs };
    this.#found.push(...checkLastViews(this.#evidence(), new Map(primaries), rules));
  }

  #isSettled(): boolean {
    return this.#isOver() || (this.stations.every(({ isSettled }) => isSettled) && !this.#isDelivering(0));
  }

  /** Nothing more is to be learned: something broke, or so much that it does not matter what else does. */
  #isOver(): boolean {
    const broken = this.#found.length + this.#monitor.violations.length;
    return this.#isEndless || (broken > 0 && (!this.#options.goesOn || broken >= violationsMax));
  }

  #bear(id: string): void {
    const spec = this.plan.stations.find((station) => station.id === id);
    assert(spec !== undefined && checkStationId(id).ok, 'a station of the plan has a good identity');
    const { scheduler, network } = this;
    const station = new StationPeer(createLife(spec, 0), {
      scheduler,
      random: this.random(id),
      epochMs,
      knock: (who, offers, knock) => network.knock(who, offers, knock),
      lived: (who, effect) => {
        if (effect.type !== 'send' && effect.type !== 'answered') this.trace.note(who, effect.type, '');
      },
    });
    this.stations.push(station);
    scheduler.after(0, () => station.feed({ type: 'tick' }));
  }

  #onRecord(record: StationRecord): void {
    this.#monitor.recordMade(record);
    if (!this.#isHanding || record.type !== 'changed' || record.change.what !== 'ids') return;
    const { change } = record.change;
    if (change.type !== 'transaction_handed') return;
    this.#handed.add(change.key);
    this.stats.handovers += 1;
  }

  #onOpened(pair: LinkPair, version: OcppVersion): void {
    this.trace.note(pair.gateway, 'opened', version);
    this.#monitor.opened(pair.gateway, version);
  }

  #watch(): LinkWatch {
    return {
      operated: (end, operation, text) => {
        this.trace.note(end, operation, text);
        this.#monitor.operated(end, operation, text);
        if (!end.isGateway && operation === 'send') this.#note(end.pair, 'sent', text);
      },
      happens: (end, happening, text) => {
        this.trace.note(end, `<${happening}`, text);
        if (end.isGateway) this.stats.frames += 1;
        this.#monitor.happens(end, happening, text);
        if (end.isGateway) return;
        if (happening === 'text') this.#note(end.pair, 'received', text);
        const ledger = this.#ledgerOf(end.pair);
        if (happening === 'closed' && ledger !== null) noteClosed(ledger, this.scheduler.nowMs);
      },
      happened: (end) => {
        this.#monitor.happened(end);
        this.#monitor.looked(this.#journal?.stats.pendingRecords ?? 0);
      },
    };
  }

  /** A backend accepted a link. */
  #onServed(pair: LinkPair, version: OcppVersion): void {
    const { station, with: backend } = pair.label;
    const ledgers = this.#ledgers.get(backend);
    assert(ledgers !== undefined, 'every backend of the plan keeps ledgers');
    const ledger = ledgers.get(station) ?? createLedger(station, version);
    ledgers.set(station, ledger);
    noteOpened(ledger, this.scheduler.nowMs, version);
    this.#pages.set(pair, { ledger, link: ledger.links });
  }

  /** The ledger that a backend keeps of this link, while it is its newest of that station. */
  #ledgerOf(pair: LinkPair): Ledger | null {
    const page = this.#pages.get(pair);
    return page !== undefined && page.ledger.links === page.link ? page.ledger : null;
  }

  #note(pair: LinkPair, type: 'sent' | 'received', text: string): void {
    const ledger = this.#ledgerOf(pair);
    if (ledger !== null) noteText(ledger, type, this.scheduler.nowMs, text);
  }

  *#heldMessages(): Generator<HeldMessage> {
    for (const messages of this.disk.held.values())
      for (const { message } of messages.values()) yield message;
  }

  /** Contents of what is dropped for good, as an operator wanted it. */
  #dropped(): string[] {
    return this.disk.records.flatMap((record) => {
      if (record.type !== 'delivery' || record.outcome !== 'dropped') return [];
      return this.#givenUp.get(`${record.station} ${record.number}`) ?? [];
    });
  }

  /** Something is held for at least so long that could be delivered, and is not given up. */
  #isDelivering(heldMs: number): boolean {
    for (const messages of this.disk.held.values()) {
      const behind = new Set<string | null>();
      for (const { message, delivery } of messages.values()) {
        if (delivery.state === 'parked') behind.add(message.transaction);
        else if (message.transaction !== null && behind.has(message.transaction)) continue;
        else if (epochMs + this.scheduler.nowMs - message.since >= heldMs) return true;
      }
    }
    return false;
  }

  /** Everything that can only be said of a whole run. */
  #finish(holding: readonly StationPeer[]): void {
    const evidence = this.#evidence();
    for (const { id, life } of holding) {
      const claim = `${life.queue.length} messages are still held after peace`;
      this.#found.push(violation('liveness', id, claim, []));
    }
    // What a last command has brought about may be on its way.
    if (this.#isDelivering(5 * 60_000))
      this.#found.push(violation('liveness', '', 'a held message is not delivered after peace', []));
    if (holding.length === 0) this.#checkNothingOpen();
    this.#checkNoneOrphaned();
    this.#monitor.finished();
    this.#found.push(...checkRiskTurns(this.disk.records));
    const { plan, stats } = this;
    this.#found.push(
      ...judge({
        evidence,
        plan,
        kills: stats.kills,
        ownErrors: this.#monitor.ownErrors,
        endMs: this.scheduler.nowMs,
        bounds: this.#monitor.bounds(plan.backends.length),
        parked: new Set([
          ...[...this.#heldMessages()].map(({ text }) => contentOf(text)),
          ...this.#dropped(),
        ]),
        letGo: letGoOf(this.disk.records),
        handed: this.#handed,
      }),
    );
  }

  /** Stations have ended what they began, and said so: whatever the gateway still has for open it would have so for ever, and no start would be told from the one before. */
  #checkNothingOpen(): void {
    for (const { id, backends } of this.#process?.gateway.registry.stations() ?? [])
      for (const { backend, role, laneDepth, transactions } of backends) {
        // Copies wait for whoever listens in, or is kept ready, until it knows the station; where telling it has failed, it is told again after minutes.
        if (role === 'observer' || role === 'standby') continue;
        if (transactions.length === 0 && laneDepth === 0) continue;
        const claim = `${transactions.length} transactions and ${laneDepth} calls are open at ${backend} after peace`;
        this.#found.push(violation('liveness', id, claim, [JSON.stringify(transactions)]));
      }
  }

  /** Of what was handed over nothing is stuck because its new owner never got the start. */
  #checkNoneOrphaned(): void {
    for (const [station, messages] of this.disk.held)
      for (const { message, delivery } of messages.values())
        if (message.isHandedOver === true && delivery.lastError?.includes('never told of') === true)
          this.#found.push(
            violation('handed', station, `${message.backend} is handed what it has no start of`, [
              message.text,
            ]),
          );
  }

  #evidence(): Evidence {
    return {
      stations: new Map(this.stations.map(({ id, ledger }) => [id, ledger])),
      backends: this.#ledgers,
    };
  }

  #outcome(): Outcome {
    const { stats, plan, trace, stations, disk } = this;
    for (const { life } of stations) {
      stats.transactions += life.stats.transactionsEnded;
      stats.discarded += life.stats.discarded;
    }
    stats.records = disk.records.length;
    return {
      seed: plan.seed,
      plan,
      violations: [...this.#monitor.violations, ...this.#found],
      trace: trace.lines(),
      evidence: this.#evidence(),
      stats,
    };
  }
}

/** The process changes its entries in place; the disk keeps its own. */
/** How its link to that backend stands. */
function linkTo({ backends }: StationSnapshot, name: string | null): string | null {
  return backends.find(({ backend }) => backend === name)?.link ?? null;
}

/** A redial that is due may begin with whatever step comes next; an open link stays open, and none is given up. */
function isLeftAlone(before: string | null, after: string | null): boolean {
  return before === after || (before === 'waiting' && after === 'dialling');
}

function copyOf({ message, delivery }: HeldEntry): HeldEntry {
  return { message, delivery };
}
