/**
 * What firmware in the field does and should not: clocks that jump, messages of transactions that nobody saw begin, a message id that was used before, statuses by the dozen, boots in the
 * middle of a link.
 *
 * Pure and seeded.
 */
import { openTransactions } from '../life-charging.ts';
import { statusPayload } from '../life-dialect.ts';
import type { Random } from '../random.ts';
import { nowAndThen } from './now-and-then.ts';
import type { Plan } from './plan.ts';
import type { Scheduler } from './scheduler.ts';
import type { Blurted, StationPeer } from './station-peer.ts';
import type { Trace } from './trace.ts';

interface World {
  readonly plan: Plan;
  readonly scheduler: Scheduler;
  readonly stations: readonly StationPeer[];
  readonly trace: Trace;
  random(stream: string): Random;
}

const quirks = ['clock', 'orphans', 'same_id', 'storm', 'boot'] as const;

const hourMs = 3_600_000;
const jumps = [-24 * hourMs, -hourMs, -1_000, 60_000, hourMs, 365 * 24 * hourMs] as const;

export function startQuirks(world: World): { stop(): void } {
  const { scheduler, plan, trace } = world;
  const random = world.random('quirks');
  return nowAndThen(scheduler, random, plan.quirkEveryMs, () => {
    const station = random.pick(world.stations);
    const quirk = random.pick(quirks);
    const mark = Math.round(scheduler.nowMs);
    trace.note('chaos', quirk, station.id);
    switch (quirk) {
      case 'clock':
        return station.shiftClock(random.pick(jumps));
      case 'orphans':
        // Not past what it has yet to say, or the station itself would turn the order around.
        if (station.life.queue.length === 0) station.blurt(orphansOf(station, random, mark));
        return;
      case 'same_id':
        return sayTwice(station, mark, scheduler);
      case 'storm':
        return station.blurt(stormOf(station, random, world));
      case 'boot':
        return station.feed({ type: 'boots_again' });
    }
  });
}

function sayTwice(station: StationPeer, mark: number, scheduler: Scheduler): void {
  const id = `same-${mark}`;
  station.blurt([echoOf(mark)], id);
  // The answer to the first is there by then, or its link is gone.
  scheduler.after(2 * 60_000, () => station.blurt([echoOf(-mark)], id));
}

/** The rest of a transaction that began before anybody listened. */
function orphansOf({ life }: StationPeer, random: Random, mark: number): Blurted[] {
  // Before all that it has begun since, whatever its clock has been set to.
  const timestamp = new Date(Date.UTC(2020, 0, 1) + mark).toISOString();
  if (life.version === 'ocpp1.6') {
    const transactionId = 1_500_000_000 + mark;
    const sampledValue = [{ value: String(mark) }];
    const meter = { connectorId: 1, transactionId, meterValue: [{ timestamp, sampledValue }] };
    const stop = { transactionId, timestamp, meterStop: mark };
    const all = [
      { action: 'MeterValues', payload: meter },
      { action: 'StopTransaction', payload: stop },
    ];
    return random.chance(0.5) ? all : all.slice(1);
  }
  const eventOf = (eventType: string, seqNo: number): Blurted => ({
    action: 'TransactionEvent',
    payload: {
      eventType,
      timestamp,
      triggerReason: eventType === 'Ended' ? 'EVDeparted' : 'MeterValuePeriodic',
      seqNo,
      transactionInfo: { transactionId: `orphan-${mark}` },
    },
  });
  return random.chance(0.5) ? [eventOf('Updated', 7), eventOf('Ended', 8)] : [eventOf('Ended', 8)];
}

function echoOf(mark: number): Blurted {
  return { action: 'DataTransfer', payload: { vendorId: 'burst', data: `again ${mark}` } };
}

/** Of one connector, and what holds comes last. */
function stormOf({ life }: StationPeer, random: Random, { scheduler }: World): Blurted[] {
  const is16 = life.version === 'ocpp1.6';
  const isCharging = openTransactions(life).some(({ connector }) => connector === 1);
  const busy = is16 ? 'Charging' : 'Occupied';
  const many = 1 + random.below(25);
  return Array.from({ length: many }, (_, at) => {
    const isBusy = ((many - 1 - at) % 2 === 0) === isCharging;
    const wallMs = Date.UTC(2026, 0, 1) + scheduler.nowMs + at;
    return {
      action: 'StatusNotification',
      payload: statusPayload(life.version, 1, isBusy ? busy : 'Available', wallMs),
    };
  });
}
