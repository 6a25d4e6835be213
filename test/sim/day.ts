/**
 * A day of a station's life, in which not more happens than in the hour that the other seeds live: sessions of hours, backends that are gone for hours, stations that are
 * offline at the same time, restarts, late answers and refusals. Busbar answers in its primaries' place.
 */
import type { Plan } from '../../src/testkit/world/plan.ts';

export const dayMs = 24 * 3_600_000;
const minuteMs = 60_000;

export function aDay(plan: Plan): Plan {
  return {
    ...plan,
    covers: true,
    outageMs: [10 * minuteMs, 4 * 60 * minuteMs],
    faultEveryMs: 8 * plan.faultEveryMs,
    startEveryMs: 8 * plan.startEveryMs,
    quirkEveryMs: 8 * plan.quirkEveryMs,
    askEveryMs: 8 * plan.askEveryMs,
    handOverEveryMs: 8 * plan.handOverEveryMs,
    // Pings and heartbeats would be most of what happens.
    station: { ...plan.station, pingIntervalMs: 30 * minuteMs },
    stations: plan.stations.map((station) => ({
      ...station,
      idleMs: [10 * minuteMs, 3 * 60 * minuteMs],
      chargingMs: [20 * minuteMs, 6 * 60 * minuteMs],
      meterIntervalMs: 15 * minuteMs,
      powerCutEveryMs: 8 * (station.powerCutEveryMs ?? Infinity),
    })),
    backends: plan.backends.map((backend) => ({
      ...backend,
      intervalS: 900,
      commandEveryMs: 8 * backend.commandEveryMs,
    })),
    listeners: plan.listeners.map((listener) => ({
      ...listener,
      options: { ...listener.options, intervalS: 900, commandEveryMs: 8 * listener.options.commandEveryMs },
    })),
  };
}
