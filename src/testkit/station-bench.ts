/**
 * One station's machine in a test's hands: its clock, its routes, what it decided last.
 *
 * Pure.
 */
import { plainAssignment, type Assignment, type RoutingTable } from '../core/routing/table.ts';
import type { HeldEntry } from '../core/hold/held-lane.ts';
import type {
  AssignmentDecision,
  AssignmentOutcome,
  Effect,
  StationContext,
  StationEvent,
  Step,
} from '../core/station/events.ts';
import { createStation, type StationState } from '../core/station/state.ts';
import { step } from '../core/station/step.ts';
import { checkStationId } from '../protocol/station-id.ts';
import type { OcppVersion } from '../protocol/version.ts';

type Writable<T> = { -readonly [Key in keyof T]: T[Key] };

export class Bench {
  readonly context: Writable<StationContext>;
  readonly state: StationState;
  last: Step = {
    records: [],
    effects: [],
    isDurableChanged: false,
    isImageChanged: false,
    wakeAtMs: Infinity,
  };
  #epoch = 100;

  constructor(
    primary: Partial<Assignment> = {},
    versions: readonly OcppVersion[] = ['ocpp1.6', 'ocpp2.0.1', 'ocpp2.1'],
    held: readonly HeldEntry[] = [],
  ) {
    const id = checkStationId('CP-1');
    if (!id.ok) throw new Error('unreachable');
    this.state = createStation(id.value, null, 'p', held);
    this.context = {
      wallMs: 1_700_000_000_000,
      nowMs: 1_000,
      routing: routing([{ ...plainAssignment(0, 'old'), ...primary }], versions),
      settings: {
        callTimeoutMs: 30_000,
        answerWithinMs: 8_000,
        heldMax: 100_000,
        heldCharactersMax: 64_000_000,
        heldInAllMax: 256_000_000,
        pingIntervalMs: 60_000,
        pongTimeoutMs: 20_000,
        callsPerSecond: 20,
        connectsPerHour: 60,
      },
      tagsOf: () => [],
      isJournalWritable: true,
      random: () => 0.5,
      digest: (text) => text.length.toString(16).padStart(32, '0'),
      nextEpoch: () => (this.#epoch += 1),
      heldInAll: () => 0,
      defersCopies: false,
      isUnreachable: () => false,
      learned: () => null,
      deliveryWaitMs: () => 0,
    };
  }

  do(event: StationEvent): readonly Effect[] {
    this.last = step(this.state, event, this.context);
    return this.last.effects;
  }

  arrive(
    epoch = 1,
    isAuthenticated = true,
    offered: readonly string[] = ['ocpp1.6'],
    isSameCredential = true,
  ): readonly Effect[] {
    return this.do({ type: 'station_arrived', epoch, offered, isAuthenticated, isSameCredential });
  }

  /** A station connected through to its primary. */
  connect(epoch = 1, isAuthenticated = true, version: OcppVersion = 'ocpp1.6'): void {
    this.arrive(epoch, isAuthenticated, [version]);
    this.do({ type: 'backend_opened', backend: 'old', epoch: this.backendEpoch('old') });
  }

  backendEpoch(backend: string): number {
    return this.state.backends.find((link) => link.backend === backend)?.epoch ?? 0;
  }

  fromStation(text: string, epoch = this.state.link?.epoch ?? 0): readonly Effect[] {
    return this.do({ type: 'station_frame', epoch, text });
  }

  fromBackend(text: string, backend = 'old'): readonly Effect[] {
    return this.do({ type: 'backend_frame', backend, epoch: this.backendEpoch(backend), text });
  }

  pass(ms: number): readonly Effect[] {
    this.context.nowMs += ms;
    return this.do({ type: 'tick' });
  }
}

export function routing(assignments: readonly Assignment[], versions: readonly OcppVersion[]): RoutingTable {
  const names = ['old', 'new', 'vendor'];
  return {
    groups: new Map(),
    routes: assignments.map((assignment) => ({ stations: ['*'], group: null, assignment })),
    backends: new Map(
      names.map((name) => [
        name,
        {
          name,
          versions,
          callTimeoutMs: 30_000,
          redialFromMs: 1_000,
          redialToMs: 60_000,
          nonBilling: false,
          holdDownMs: 30_000,
          revision: 'r1',
        },
      ]),
    ),
  };
}

/** The texts that left on that side. */
export function sent(effects: readonly Effect[], side: 'station' | 'backend'): string[] {
  return effects.flatMap((effect) =>
    effect.type === 'send' && effect.link.side === side ? [effect.text] : [],
  );
}

/** The texts that left for that backend. */
export function sentTo(effects: readonly Effect[], backend: string): string[] {
  return effects.flatMap((effect) =>
    effect.type === 'send' && effect.link.side === 'backend' && effect.link.backend === backend
      ? [effect.text]
      : [],
  );
}

/** That backend answers the first of what it was sent last. */
export function answerAs(bench: Bench, backend: string, payload: string): readonly Effect[] {
  const [text = '[]'] = sentTo(bench.last.effects, backend);
  return bench.fromBackend(`[3,"${(JSON.parse(text) as string[])[1]}",${payload}]`, backend);
}

/** That backend answers what it has. */
export function answerHeld(bench: Bench, name: string, payload: string): void {
  const link = bench.state.backends.find(({ backend }) => backend === name);
  bench.fromBackend(`[3,"${link?.slot?.sentId}",${payload}]`, name);
}

/** What comes of a decision about whose the station is. */
export function decide(bench: Bench, decision: AssignmentDecision): AssignmentOutcome | undefined {
  const effects = bench.do({ type: 'assignment_decided', requestId: 1, decision });
  return effects.find((effect) => effect.type === 'assignment_settled')?.outcome;
}

export function kinds(effects: readonly Effect[]): string[] {
  return effects.map((effect) => effect.type);
}
