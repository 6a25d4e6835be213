/**
 * The shell of one station: turns what its links report into events, and its machine's effects into calls on ports.
 *
 * Not pure. It decides nothing about OCPP. One driver and one `LinkEnd` per link is all a station costs here: no closure, no timer, no promise.
 */
import { timingSafeEqual } from 'node:crypto';
import type { DialFault, Effect, LinkRef, StationEvent, Step } from '../core/station/events.ts';
import type { StationState } from '../core/station/state.ts';
import { answersStation } from '../core/station/roles.ts';
import { saveWithinMs } from '../core/station/relearn.ts';
import { step } from '../core/station/step.ts';
import type { OcppVersion } from '../protocol/version.ts';
import type { Arrival } from '../ports/listener.ts';
import type { DialOutcome } from '../ports/dialer.ts';
import type { BackendSettings } from '../ports/settings.ts';
import type { Link, LinkHandler } from '../ports/link.ts';
import { assert } from '../std/assert.ts';
import type { Secret } from '../std/secret.ts';
import {
  backendSettingsOf,
  forgetDriver,
  knownStationOf,
  learnToken,
  type DataPlane,
  type Driver,
} from './data-plane.ts';
import type { Sleeper } from './timer-wheel.ts';

/** Our end of one link: which driver, which epoch, and the link once it is open. */
interface LinkEnd {
  readonly driver: StationDriver;
  /** null: the station's link; else the backend it leads to. */
  readonly backend: string | null;
  readonly epoch: number;
  link: Link | null;
  /** Abandons the dial while there is no link yet. */
  abandon: (() => void) | null;
  isPausedByCore: boolean;
  /** Its peer reads slower than we send. */
  isCongested: boolean;
  /** Closed by us: it gets nothing any more, is read so that the closing handshake ends, and holds up nobody. */
  isClosing: boolean;
  /** The station's own password, or that it had none, as this backend was shown it; undefined where it is shown none. */
  shown: Secret | null | undefined;
  /** Characters that came lately: halved every second. */
  lately: number;
  latelySecond: number;
}

/** Who sends more than this, in characters as `lately` counts them, waits first when the disk cannot follow. A busy station sends a tenth. */
const heavyAbove = 16 * 1_024;

const copiesDue: StationEvent = { type: 'copies_due' };

/** The one handler of all links. */
const handler: LinkHandler<LinkEnd> = {
  onText: (end, text) => {
    const { driver, backend, epoch } = end;
    driver.handle(
      backend === null
        ? { type: 'station_frame', epoch, text }
        : { type: 'backend_frame', backend, epoch, text },
    );
    driver.weigh(end, text.length);
  },
  onPong: ({ driver, backend, epoch }) => {
    driver.handle(
      backend === null ? { type: 'station_pong', epoch } : { type: 'backend_pong', backend, epoch },
    );
  },
  onDrained: (end) => {
    end.isCongested = false;
    end.driver.applyPauses();
  },
  onClosed: (end, code, reason) => {
    const { driver, backend, epoch } = end;
    driver.forget(end);
    driver.handle(
      backend === null
        ? { type: 'station_lost', epoch, code, reason }
        : { type: 'backend_lost', backend, epoch, code, reason },
    );
  },
};

const dialOutcome: DialOutcome<LinkEnd> = {
  onOpened: (end, link) => {
    const { driver, backend, epoch } = end;
    end.abandon = null;
    end.link = link;
    driver.pauseIfPressed();
    if (backend !== null) driver.reached(backend, null, '');
    if (backend !== null) driver.handle({ type: 'backend_opened', backend, epoch });
  },
  onRefused: (end, fault, detail) => {
    const { driver, backend, epoch } = end;
    driver.forget(end);
    if (backend !== null) driver.reached(backend, fault, detail);
    if (backend !== null) driver.handle({ type: 'backend_refused', backend, epoch, fault, detail });
  },
};

type SendEffect = Extract<Effect, { type: 'send' }>;
type CloseEffect = Extract<Effect, { type: 'close' }>;
type LateEffect = SendEffect | CloseEffect;
type DecisionEffect = Extract<Effect, { type: 'decision_settled' }>;
type AssignmentEffect = Extract<Effect, { type: 'assignment_settled' }>;
type DialEffect = Extract<Effect, { type: 'dial' }>;

export class StationDriver implements Sleeper, Driver {
  readonly state: StationState;
  readonly #plane: DataPlane;
  /** Ends of links that are open, being dialled or closing: two or three. */
  readonly #ends: LinkEnd[] = [];
  /** Upgrade requests without an answer: one, and for the length of a step the one it replaces. */
  readonly #arrivals: { readonly epoch: number; readonly arrival: Arrival }[] = [];
  /** The password the station itself presented last, for the backend that owns it. */
  #credential: Secret | null = null;
  /** Answers and closings that wait for a commit, oldest first, and what a station is to be told behind them. */
  readonly #late: LateEffect[] = [];
  /** Events that came while a step's effects were being carried out. */
  #waiting: StationEvent[] | null = null;
  /** What the station said of itself is saved by then at the latest. */
  #saveAtMs = Infinity;
  /** Of what is held for this station, as it was counted last. */
  #heldCharacters = 0;
  #isRunning = false;
  #isStopped = false;
  scheduledAtMs = Infinity;
  wakeAtMs = Infinity;

  constructor(state: StationState, plane: DataPlane) {
    this.state = state;
    this.#plane = plane;
    this.#weighHeld();
  }

  /** Nothing of this station is open or on its way. */
  get isIdle(): boolean {
    return this.#ends.length === 0 && this.#arrivals.length === 0;
  }

  wake(): void {
    const isHeldUp = this.#isHeldUp;
    if (isHeldUp || this.#plane.journal.pressure !== 'none') {
      // Who does not take what it is sent has to show that it lives all the same.
      const unread = this.#ends.filter((end) => !end.isCongested && (isHeldUp || this.#isTooHeavy(end)));
      if (unread.length > 0) this.handle({ type: 'links_unread', epochs: unread.map(({ epoch }) => epoch) });
    }
    if (this.#plane.clock.nowMs() >= this.#saveAtMs) this.#save();
    this.handle({ type: 'tick' });
  }

  /** A dial has ended: that says something of the backend to all stations. */
  reached(backend: string, fault: DialFault | null, detail: string): void {
    const { reach, clock } = this.#plane;
    if (fault === null) reach.opened(backend);
    // These are Busbar's own.
    else if (fault !== 'not_paced' && fault !== 'misconfigured')
      reach.failed(backend, this.state.id, clock.nowMs(), `${fault}: ${detail}`);
  }

  /** Takes an upgrade request to the machine. */
  arrive(arrival: Arrival): void {
    const epoch = this.#plane.context.nextEpoch();
    this.#arrivals.push({ epoch, arrival });
    arrival.onGone = () => {
      this.#takeArrival(epoch);
      this.handle({ type: 'station_lost', epoch, code: null, reason: 'gone_before_upgrade' });
    };
    const { offered, isAuthenticated } = arrival;
    const isSameCredential = this.#isShownAlready(arrival.credential);
    this.handle({ type: 'station_arrived', epoch, offered, isAuthenticated, isSameCredential });
  }

  /** Runs one step and carries out what it decided. An event that comes meanwhile has its turn after it. */
  handle(event: StationEvent): void {
    if (this.#isStopped) return;
    if (this.#isRunning) {
      (this.#waiting ??= []).push(event);
      return;
    }
    this.#isRunning = true;
    try {
      this.#take(event);
      for (let next = this.#waiting?.shift(); next !== undefined; next = this.#waiting?.shift())
        this.#take(next);
    } catch (bug) {
      this.#stop(bug);
    }
    this.#waiting = null;
    this.#isRunning = false;
    if (this.state.owed !== null) this.#plane.afterwards.add(this);
  }

  #take(event: StationEvent): void {
    if (this.state.owed !== null && event !== copiesDue) this.#run(copiesDue);
    this.#run(event);
  }

  /** Tells those who listen in what the station said last, where that is still to be done. */
  payCopies(): void {
    if (this.state.owed !== null) this.handle(copiesDue);
  }

  /**
   * Reads from every link; from none while the station or a backend that answers it does not take what it is sent, or the disk not what is to be kept. A
   * backend that only listens in holds up nobody but itself. Where the disk only lags, who sends much waits, so that the others keep their time.
   */
  applyPauses(): void {
    const isHeldUp = this.#isHeldUp;
    for (const end of this.#ends) {
      if (end.isClosing) continue;
      if (isHeldUp || end.isPausedByCore || end.isCongested || this.#isTooHeavy(end)) end.link?.pause();
      else end.link?.resume();
    }
  }

  get #isHeldUp(): boolean {
    const { pressure } = this.#plane.journal;
    if (pressure === 'severe') return true;
    return this.#ends.some(
      (end) =>
        end.isCongested &&
        !end.isClosing &&
        (end.backend === null || answersStation(this.state, end.backend)),
    );
  }

  #isTooHeavy(end: LinkEnd): boolean {
    return end.lately > heavyAbove && this.#plane.journal.pressure === 'high';
  }

  /** For a link that has just opened. */
  pauseIfPressed(): void {
    if (this.#plane.journal.pressure !== 'none') this.applyPauses();
  }

  /** Counts what came on a link, by the clock of the step that took it. */
  weigh(end: LinkEnd, characters: number): void {
    const second = Math.trunc(this.#plane.context.nowMs / 1_000);
    const seconds = Math.min(30, second - end.latelySecond);
    end.latelySecond = second;
    end.lately = (end.lately >> seconds) + characters;
    if (this.#isTooHeavy(end)) this.applyPauses();
  }

  forget(end: LinkEnd): void {
    const at = this.#ends.indexOf(end);
    if (at !== -1) {
      this.#ends.splice(at, 1);
      this.#noteClosed(end);
    }
    if (end.isCongested) this.applyPauses();
  }

  #noteClosed({ backend, link }: LinkEnd): void {
    if (backend !== null && link !== null) this.#plane.reach.closed(backend);
  }

  #run(event: StationEvent): void {
    const { context, clock, journal, afterwards } = this.#plane;
    context.wallMs = clock.wallMs();
    context.nowMs = clock.nowMs();
    context.isJournalWritable = journal.isWritable;
    context.defersCopies = afterwards.hasRoom;
    const decided = step(this.state, event, context);
    const position = this.#record(decided);
    for (const effect of decided.effects) this.#perform(effect, position);
    this.wakeAtMs = Math.min(decided.wakeAtMs, this.#saveAtMs);
    this.#plane.wheel.schedule(this);
  }

  /** Hands the records to the journal. Returns the position of the last. */
  #record({ records, isDurableChanged, isImageChanged }: Step): number {
    const { journal, observer } = this.#plane;
    let position = 0;
    for (const record of records) {
      position = journal.append(record, position !== 0);
      observer.onRecord(record);
      if (record.type === 'learned') learnToken(this.#plane, record);
      else if (record.type === 'delivery') this.#plane.deliveries.observe(record);
      if (record.type === 'held' || record.type === 'delivery') this.#weighHeld();
    }
    if (isDurableChanged) this.#save();
    else if (isImageChanged && this.#saveAtMs === Infinity)
      this.#saveAtMs = this.#plane.context.nowMs + saveWithinMs;
    return position;
  }

  /** Counts what is held for this station among what is held in all. */
  #weighHeld(): void {
    let characters = 0;
    for (const lane of this.state.held) characters += lane.characters;
    this.#plane.heldCharacters += characters - this.#heldCharacters;
    this.#heldCharacters = characters;
  }

  #save(): void {
    this.#saveAtMs = Infinity;
    this.#plane.journal.saveStation(this.state.id, this.state.durable);
  }

  #perform(effect: Effect, position: number): void {
    switch (effect.type) {
      case 'send':
        if (effect.when === 'afterCommit') this.#performAfterCommit(effect, position);
        else if (this.#isBehindLate(effect.link, this.#late.length)) this.#late.push(effect);
        else this.#send(effect);
        return;
      case 'accept':
        return this.#accept(effect.epoch, effect.version);
      case 'refuse':
        this.#takeArrival(effect.epoch)?.refuse(effect.status, effect.reason, effect.retryAfterS);
        return this.#plane.observer.onRefusal(this.state.id, effect.status, effect.reason);
      case 'dial':
        return this.#dial(effect);
      case 'close':
        if (effect.when === 'now') this.#close(effect);
        else this.#performAfterCommit(effect, position);
        return;
      case 'terminate':
        return this.#endOf(effect.link)?.link?.terminate();
      case 'ping':
        return this.#endOf(effect.link)?.link?.ping();
      case 'pause_reading':
        return this.#pause(effect.link, true);
      case 'resume_reading':
        return this.#pause(effect.link, false);
      case 'command_settled':
        return this.#plane.commands.settle(effect.requestId, effect.outcome);
      case 'decision_settled':
        if (effect.outcome.kind === 'refused') return settleDecision(this.#plane, effect);
        return this.#plane.journal.afterCommit(position, settleDecision, this.#plane, effect);
      case 'assignment_settled':
        if (!isChange(effect)) return settleAssignment(this.#plane, effect);
        return this.#plane.journal.afterCommit(position, settleAssignment, this.#plane, effect);
      case 'notice':
        return this.#plane.observer.onNotice(this.state.id, effect.notice, effect.backend);
    }
  }

  #performAfterCommit(effect: LateEffect, position: number): void {
    const { journal } = this.#plane;
    assert(position > 0, 'what waits for a commit has a record in it');
    if (!journal.isWritable || position === Infinity) return this.#giveUp(effect);
    this.#late.push(effect);
    journal.afterCommit(position, performLate, this, effect, effect.link.side === 'backend');
  }

  /**
   * Whether one of the first so many that are late is for this link of the station. A command must not overtake the answer that its backend gave before it: a station refuses to charge by
   * the profile of a transaction, or to stop one, that it has not been told of.
   */
  #isBehindLate({ side, epoch }: LinkRef, among: number): boolean {
    if (side !== 'station') return false;
    for (let at = 0; at < among; at += 1) if (this.#late[at]?.link.epoch === epoch) return true;
    return false;
  }

  /** The commit that the effect waited for is on disk. */
  performLate(effect: LateEffect): void {
    const at = this.#late.indexOf(effect);
    if (at === -1) return;
    this.#late.splice(at, 1);
    try {
      if (effect.type === 'send') this.#send(effect);
      else this.#close(effect);
      this.#sendBehind();
    } catch (bug) {
      this.#stop(bug);
    }
  }

  /** What waited for no commit, but for its turn. */
  #sendBehind(): void {
    for (let at = 0; at < this.#late.length;) {
      const effect = this.#late[at];
      if (effect?.type === 'send' && effect.when === 'now' && !this.#isBehindLate(effect.link, at)) {
        this.#late.splice(at, 1);
        this.#send(effect);
      } else at += 1;
    }
  }

  /**
   * What waits for a commit may now wait for long, and to a station silence is a failed attempt (OCPP 1.6 §3.7.1): its link is closed, and it
   * keeps what was not answered.
   */
  onJournalFailing(): void {
    for (const effect of this.#late.splice(0)) this.#giveUp(effect);
  }

  #giveUp(effect: LateEffect): void {
    if (effect.type === 'close') return this.#close(effect);
    const { link } = effect;
    // A call that was held and cannot leave now stays held: it is sent again when its time is up. What stands behind a late answer goes with its link.
    if (link.side === 'backend' || effect.when === 'now') return;
    const reason = 'journal_failing';
    this.#close({ type: 'close', link, code: tryAgainLater, reason, when: 'now' });
    this.handle({ type: 'station_lost', epoch: link.epoch, code: tryAgainLater, reason });
  }

  #send({ link, text, decidedAtMs }: SendEffect): void {
    const end = this.#endOf(link);
    if (end === null || end.link === null || end.isClosing) return;
    end.link.send(text);
    this.#plane.observer.onSent((this.#plane.clock.nowMs() - decidedAtMs) / 1_000);
    if (end.isCongested || end.link.bufferedBytes <= this.#plane.settings.links.congestedBytes) return;
    end.isCongested = true;
    this.applyPauses();
  }

  #accept(epoch: number, version: OcppVersion): void {
    const arrival = this.#takeArrival(epoch);
    const end: LinkEnd = {
      driver: this,
      backend: null,
      epoch,
      link: null,
      abandon: null,
      isPausedByCore: false,
      isCongested: false,
      isClosing: false,
      shown: undefined,
      lately: 0,
      latelySecond: 0,
    };
    end.link = arrival?.accept(version, handler, end) ?? null;
    if (end.link === null) {
      return this.handle({ type: 'station_lost', epoch, code: null, reason: 'gone_before_upgrade' });
    }
    this.#credential = arrival?.credential ?? null;
    this.#ends.push(end);
    this.pauseIfPressed();
  }

  #dial({ backend, epoch, version }: DialEffect): void {
    const settings = backendSettingsOf(this.#plane, backend);
    if (settings === null) {
      return this.handle({
        type: 'backend_refused',
        backend,
        epoch,
        fault: 'misconfigured',
        detail: 'not configured',
      });
    }
    const end: LinkEnd = {
      driver: this,
      backend,
      epoch,
      link: null,
      abandon: null,
      isPausedByCore: false,
      isCongested: false,
      isClosing: false,
      shown: undefined,
      lately: 0,
      latelySecond: 0,
    };
    this.#ends.push(end);
    const forwarded = isForwarded(settings) ? this.#presented() : null;
    if (isForwarded(settings)) end.shown = forwarded;
    const known = knownStationOf(this.#plane, this.state.id);
    end.abandon = this.#plane.dialer.dial(
      { station: this.state.id, backend: settings, known, version, forwarded },
      handler,
      dialOutcome,
      end,
    );
  }

  /** False where a backend that is shown the station's own password was shown, or may yet be shown, another for the connections that there are. */
  #isShownAlready(credential: Secret | null): boolean {
    if (![...this.#plane.settings.backends.values()].some(isForwarded)) return true;
    if (this.state.link !== null && !isSameSecret(this.#credential, credential)) return false;
    return this.#ends.every(
      ({ shown, isClosing }) => isClosing || shown === undefined || isSameSecret(shown, credential),
    );
  }

  /** The password of the connection that a dial is for: the open link's, or that of the upgrade which waits for the dial; never another's. */
  #presented(): Secret | null {
    const { link, arrival } = this.state;
    if (link !== null) return this.#credential;
    return this.#arrivals.find(({ epoch }) => epoch === arrival?.epoch)?.arrival.credential ?? null;
  }

  #close({ link, code, reason }: CloseEffect): void {
    const end = this.#endOf(link);
    if (end === null) return;
    if (end.link === null) {
      end.abandon?.();
      this.forget(end);
      return;
    }
    end.isClosing = true;
    end.link.close(code, reason);
    if (end.isCongested) this.applyPauses();
  }

  #pause(link: LinkRef, isPaused: boolean): void {
    const end = this.#endOf(link);
    if (end === null) return;
    end.isPausedByCore = isPaused;
    this.applyPauses();
  }

  #endOf({ epoch }: LinkRef): LinkEnd | null {
    for (const end of this.#ends) if (end.epoch === epoch) return end;
    return null;
  }

  #takeArrival(epoch: number): Arrival | null {
    const at = this.#arrivals.findIndex((waiting) => waiting.epoch === epoch);
    return at === -1 ? null : (this.#arrivals.splice(at, 1)[0]?.arrival ?? null);
  }

  /**
   * A bug of ours: this machine ends here, the other stations go on. Its links are cut, so that the station keeps what was not answered; when it
   * comes back it gets a new machine.
   */
  #stop(bug: unknown): void {
    this.#isStopped = true;
    this.wakeAtMs = Infinity;
    for (const { arrival } of this.#arrivals.splice(0))
      arrival.refuse(503, 'A fault in Busbar stopped this station.', stoppedRetryAfterS);
    for (const end of this.#ends.splice(0)) {
      end.abandon?.();
      end.link?.terminate();
      this.#noteClosed(end);
    }
    forgetDriver(this.#plane, this);
    this.#plane.observer.onBug(this.state.id, bug);
  }
}

const stoppedRetryAfterS = 60;

function isForwarded({ credentials }: BackendSettings): boolean {
  return credentials.kind === 'forward';
}

function isSameSecret(left: Secret | null, right: Secret | null): boolean {
  if (left === null || right === null) return left === right;
  const [one, other] = [left.reveal(), right.reveal()];
  return one.length === other.length && timingSafeEqual(one, other);
}

/** WebSocket close code 1013 (IANA registry). */
const tryAgainLater = 1013;

/** Only what was changed has to reach the disk. */
function isChange({ outcome }: AssignmentEffect): boolean {
  return outcome.kind === 'done' && outcome.isChanged;
}

function settleAssignment({ placements }: DataPlane, { requestId, outcome }: AssignmentEffect): void {
  placements.settle(requestId, outcome);
}

/** An operator's decision counts once it is on disk. */
function settleDecision({ decisions }: DataPlane, { requestId, outcome }: DecisionEffect): void {
  decisions.settle(requestId, outcome);
}

function performLate(driver: StationDriver, effect: LateEffect): void {
  driver.performLate(effect);
}
