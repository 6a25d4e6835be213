/**
 * 10,000 commands of three backends and an operator at one station that is slow, silent, double-tongued and often gone, in virtual time.
 *
 * Every command carries a serial that nobody but this test reads. The station's ledger and the askers' ledgers decide; the backends number their calls alike on purpose.
 */
import { describe, expect, test } from 'vitest';
import { createRandom, type Random } from '../../testkit/random.ts';
import { Bench } from '../../testkit/station-bench.ts';
import { queueDeadlineMs } from '../commands/idempotence.ts';
import type { Effect, LinkRef } from './events.ts';

const commandsEach = 10_000;
const callTimeoutMs = 30_000;
/** The machine wakes at its deadlines; a tick may come this much later. */
const slackMs = 1_000;
const askers = ['old', 'new', 'vendor'] as const;

/** `granted` to the observers `new` and `vendor`, or not; the primary may send them all. */
const actions: readonly (readonly [string, string])[] = [
  ['Reset', '"type":"Soft"'],
  ['UnlockConnector', '"connectorId":1'],
  ['ClearCache', ''],
  ['DataTransfer', '"vendorId":"x"'],
  ['TriggerMessage', '"requestedMessage":"MeterValues"'],
  ['GetDiagnostics', '"location":"ftp://x"'],
  ['ReserveNow', '"connectorId":1,"expiryDate":"2030-01-01T00:00:00Z","idTag":"T","reservationId":1'],
];
const granted = new Set(['UnlockConnector', 'DataTransfer', 'TriggerMessage', 'GetDiagnostics']);

interface Asked {
  readonly serial: string;
  readonly asker: string;
  readonly askedAtMs: number;
  /** Of the asker's link; 0: an operator. */
  readonly epoch: number;
  answers: number;
  /** When Busbar itself refused it, or said that nobody knows. */
  refusedAtMs: number | null;
  sentAtMs: number | null;
}

class Storm {
  readonly bench = new Bench({
    observers: ['new', 'vendor'].map((backend) => ({
      backend,
      receives: new Set(['registration'] as const),
      commands: granted,
    })),
  });
  readonly asked: Asked[] = [];
  readonly outcomes = { stations: 0, refusals: 0, unsent: 0, outages: 0 };
  readonly #random: Random;
  readonly #agenda: { readonly atMs: number; readonly run: () => void }[] = [];
  /** By asker: the call under this id, on the link of that epoch. */
  readonly #open = new Map<string, Asked>();
  readonly #bySerial = new Map<string, Asked>();
  readonly #epochs = new Map<string, number>();
  readonly #numbers = new Map<string, number>();
  #stationEpoch = 0;
  #isBusy = false;
  /** There is one station: it comes once, and again when it is away. */
  #station: 'away' | 'arriving' | 'here' = 'away';

  constructor(seed: number) {
    this.#random = createRandom(seed);
    this.bench.context.random = () => this.#random.next();
    this.bench.context.settings = {
      ...this.bench.context.settings,
      callTimeoutMs,
      connectsPerHour: 100_000,
      pingIntervalMs: 1e9,
    };
  }

  run(): void {
    this.#arrive();
    for (const asker of [...askers, 'operator']) this.#in(100, () => this.#ask(asker));
    this.#in(60_000, () => this.#cutStation());
    for (const asker of askers) this.#in(90_000, () => this.#cutBackend(asker));
    while (this.asked.length < commandsEach) this.#next();
    const endMs = this.#now + queueDeadlineMs + callTimeoutMs + 2 * slackMs;
    while (this.#now < endMs) this.#next();
  }

  get #now(): number {
    return this.bench.context.nowMs;
  }

  #in(ms: number, run: () => void): void {
    this.#agenda.push({ atMs: this.#now + ms, run });
  }

  /** Whatever is due first: something on the agenda, or a wake-up that the machine asked for. */
  #next(): void {
    let first = this.#agenda[0];
    for (const item of this.#agenda) if (first === undefined || item.atMs < first.atMs) first = item;
    const wakeMs = this.bench.last.wakeAtMs;
    if (first === undefined || wakeMs < first.atMs) {
      this.bench.context.nowMs = Math.max(this.#now, wakeMs);
      return this.#do(this.bench.do({ type: 'tick' }));
    }
    this.#agenda.splice(this.#agenda.indexOf(first), 1);
    this.bench.context.nowMs = Math.max(this.#now, first.atMs);
    first.run();
  }

  #arrive(): void {
    if (this.#station !== 'away') return;
    this.#station = 'arriving';
    this.#stationEpoch += 1;
    this.#isBusy = false;
    const epoch = this.#stationEpoch;
    this.#do(
      this.bench.do({
        type: 'station_arrived',
        epoch,
        offered: ['ocpp1.6'],
        isAuthenticated: true,
        isSameCredential: true,
      }),
    );
  }

  #cutStation(): void {
    this.#in(this.#random.within([20_000, 200_000]), () => this.#cutStation());
    if (this.#station !== 'here') return;
    this.outcomes.outages += 1;
    const epoch = this.#stationEpoch;
    this.#do(this.bench.do({ type: 'station_lost', epoch, code: null, reason: 'cut' }));
    this.#leave();
  }

  /** Its link is gone. It comes back while it is waited for, or later. */
  #leave(): void {
    this.#station = 'away';
    this.#isBusy = false;
    this.#in(this.#random.within([100, 10_000]), () => this.#arrive());
  }

  #cutBackend(backend: string): void {
    this.#in(this.#random.within([30_000, 300_000]), () => this.#cutBackend(backend));
    const epoch = this.#epochs.get(backend);
    if (epoch === undefined) return;
    this.outcomes.outages += 1;
    this.#lose(backend);
    this.#do(this.bench.do({ type: 'backend_lost', backend, epoch, code: null, reason: 'cut' }));
  }

  /** Who asked on that link hears no more of it. */
  #lose(backend: string): void {
    this.#epochs.delete(backend);
    for (const [key, { asker }] of this.#open) if (asker === backend) this.#open.delete(key);
  }

  #ask(asker: string): void {
    const isFlood = this.#random.chance(0.02);
    this.#in(isFlood ? 1 : this.#random.within([50, 6_000]), () => this.#ask(asker));
    const [action, fields] = this.#random.pick(actions);
    const serial = `${asker}-${this.asked.length}`;
    const payload = `{${fields}${fields === '' ? '' : ','}"serial":"${serial}"}`;
    if (asker === 'operator') {
      const requestId = this.#note({ serial, asker, epoch: 0 }, String(this.asked.length));
      return this.#do(this.bench.do({ type: 'command_requested', requestId, action, payload }));
    }
    const epoch = this.#epochs.get(asker);
    if (epoch === undefined) return;
    // All of them count from one, on every link anew for some.
    const id = String((this.#numbers.get(asker) ?? 0) + 1);
    this.#numbers.set(asker, Number(id));
    this.#note({ serial, asker, epoch }, id);
    const text = `[2,"${id}","${action}",${payload}]`;
    this.#do(this.bench.do({ type: 'backend_frame', backend: asker, epoch, text }));
  }

  #note({ serial, asker, epoch }: Pick<Asked, 'serial' | 'asker' | 'epoch'>, id: string): number {
    const askedAtMs = this.#now;
    const asked = { serial, asker, epoch, askedAtMs, answers: 0, refusedAtMs: null, sentAtMs: null };
    this.asked.push(asked);
    this.#bySerial.set(serial, asked);
    this.#open.set(`${asker} ${id}`, asked);
    return Number(id);
  }

  #do(effects: readonly Effect[]): void {
    for (const effect of effects) this.#carryOut(effect);
  }

  #carryOut(effect: Effect): void {
    switch (effect.type) {
      case 'dial':
        return this.#in(this.#random.within([10, 500]), () => this.#answerDial(effect.backend, effect.epoch));
      case 'accept':
        this.#station = 'here';
        return;
      case 'refuse':
        this.#station = 'away';
        return this.#in(1_000, () => this.#arrive());
      case 'send':
        return effect.link.side === 'station'
          ? this.#toStation(effect.text)
          : this.#toBackend(effect.link, effect.text);
      case 'close':
      case 'terminate':
        if (effect.link.side === 'backend') return this.#lose(effect.link.backend);
        if (effect.link.epoch === this.#stationEpoch && this.#station === 'here') this.#leave();
        return;
      case 'command_settled': {
        const { requestId, outcome } = effect;
        return this.#answered('operator', String(requestId), outcome.kind === 'refused' ? null : outcome);
      }
      default:
    }
  }

  #answerDial(backend: string, epoch: number): void {
    if (this.bench.backendEpoch(backend) !== epoch) return;
    if (this.#random.chance(0.8)) {
      this.#epochs.set(backend, epoch);
      if (this.#random.chance(0.5)) this.#numbers.delete(backend);
      return this.#do(this.bench.do({ type: 'backend_opened', backend, epoch }));
    }
    this.#do(this.bench.do({ type: 'backend_refused', backend, epoch, fault: 'connect_failed', detail: '' }));
  }

  /** The station takes one call at a time, and answers as bad stations do. */
  #toStation(text: string): void {
    const [type, id, , payload] = JSON.parse(text) as [number, string, string, { serial?: string }];
    if (type !== 2) return;
    const asked = this.#bySerial.get(payload.serial ?? '');
    expect(asked, `a command that somebody asked for: ${text}`).toBeDefined();
    if (asked === undefined) return;
    expect(asked.sentAtMs, `${asked.serial} is sent once`).toBeNull();
    expect(asked.refusedAtMs, `${asked.serial} is not sent after it was refused`).toBeNull();
    expect(this.#now - asked.askedAtMs, `${asked.serial} is sent in time`).toBeLessThanOrEqual(
      queueDeadlineMs + slackMs,
    );
    if (asked.asker !== 'operator')
      expect(this.#epochs.get(asked.asker), `${asked.serial} is sent while its asker is there`).toBe(
        asked.epoch,
      );
    expect(this.#isBusy, 'the station has one call at a time').toBe(false);
    asked.sentAtMs = this.#now;
    this.#isBusy = true;
    const epoch = this.#stationEpoch;
    const result = `[3,"${id}",{"status":"Accepted","serial":"${asked.serial}"}]`;
    const error = `[4,"${id}","InternalError","${asked.serial}",{}]`;
    const reply = this.#random.chance(0.05) ? error : result;
    // Some answers never come, some after the call was given up, some twice, some under a name nobody gave.
    if (this.#random.chance(0.02)) return this.#in(callTimeoutMs, () => this.#free(epoch));
    const isLate = this.#random.chance(0.02);
    const delayMs = this.#random.within(isLate ? [callTimeoutMs, callTimeoutMs + 5_000] : [20, 1_500]);
    if (isLate) this.#in(callTimeoutMs, () => this.#free(epoch));
    this.#in(delayMs, () => {
      if (!isLate) this.#free(epoch);
      if (this.#random.chance(0.03)) this.#fromStation(epoch, `[3,"foreign",{"serial":"nobody"}]`);
      this.#fromStation(epoch, reply);
      if (this.#random.chance(0.03)) this.#fromStation(epoch, reply);
    });
  }

  /** The station is free again just before its answer is heard, or when its call was given up. */
  #free(epoch: number): void {
    if (epoch === this.#stationEpoch) this.#isBusy = false;
  }

  #fromStation(epoch: number, text: string): void {
    this.#do(this.bench.do({ type: 'station_frame', epoch, text }));
  }

  #toBackend({ epoch, ...link }: LinkRef, text: string): void {
    const backend = 'backend' in link ? link.backend : '';
    const elements = JSON.parse(text) as [number, string, ...unknown[]];
    const [type, id] = elements;
    if (type === 2) {
      const answer = `[3,"${id}",{"status":"Accepted","currentTime":"2026-01-01T00:00:00Z","interval":300}]`;
      return this.#in(20, () => {
        if (this.#epochs.get(backend) === epoch)
          this.#do(this.bench.do({ type: 'backend_frame', backend, epoch, text: answer }));
      });
    }
    expect(this.#epochs.get(backend), 'an answer goes to the link that asked').toBe(epoch);
    this.#answered(
      backend,
      id,
      type === 3 ? { payload: JSON.stringify(elements[2]) } : { description: String(elements[3]) },
    );
  }

  /** `reply` is null where Busbar alone speaks; a station's reply names the serial. */
  #answered(
    asker: string,
    id: string,
    reply: { readonly payload?: string; readonly description?: string } | null,
  ): void {
    const asked = this.#open.get(`${asker} ${id}`);
    expect(asked, `an answer to ${asker} for what it asked: ${id}`).toBeDefined();
    if (asked === undefined) return;
    this.#open.delete(`${asker} ${id}`);
    asked.answers += 1;
    const latestMs = queueDeadlineMs + callTimeoutMs + slackMs;
    expect(this.#now - asked.askedAtMs, `${asked.serial} is answered in time`).toBeLessThanOrEqual(latestMs);
    const said = reply?.payload ?? reply?.description ?? '';
    const serial = /(?:old|new|vendor|operator|nobody)-?\d*/.exec(said)?.[0];
    if (serial !== undefined && this.#bySerial.has(serial)) {
      this.outcomes.stations += 1;
      expect(serial, 'the answer is to this very command').toBe(asked.serial);
      return;
    }
    asked.refusedAtMs = this.#now;
    this.outcomes.refusals += 1;
    if (asked.sentAtMs === null) this.outcomes.unsent += 1;
  }
}

describe('commands from three backends and an operator, under faults', () => {
  test.each([1, 2, 3])(
    `${commandsEach} of them: each is answered once, to its asker, in time; none is sent after it was refused (%i)`,
    (seed) => {
      const storm = new Storm(seed);
      storm.run();
      const isHeard = ({ asker, epoch }: Asked): boolean =>
        asker === 'operator' || storm.bench.backendEpoch(asker) === epoch;
      const open = storm.asked.filter((asked) => isHeard(asked) && asked.answers === 0);
      expect(storm.asked.every(({ answers }) => answers <= 1)).toBe(true);
      const since = storm.bench.context.nowMs - queueDeadlineMs - callTimeoutMs - slackMs;
      expect(open.filter(({ askedAtMs }) => askedAtMs < since)).toEqual([]);
      // What it went through, so that a quiet world cannot pass.
      const { stations, refusals, unsent, outages } = storm.outcomes;
      expect(stations).toBeGreaterThan(1_000);
      expect(unsent).toBeGreaterThan(1_000);
      expect(refusals).toBeGreaterThan(unsent);
      expect(outages).toBeGreaterThan(100);
    },
  );
});
