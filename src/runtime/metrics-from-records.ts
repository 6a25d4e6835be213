/**
 * Counts the gateway's traffic from what it journals and decides.
 *
 * A record adds to a few cells of arrays that exist already: no label object, no string is made on a frame's path. The first frame of a
 * backend makes its cells; there are as many as backends were ever configured, and none per station.
 */
import type {
  DeliveryOutcome,
  DeliveryRecord,
  DropReason,
  FrameRecord,
  LinkName,
  Outcome,
} from '../core/journal/record.ts';
import type { Notice } from '../core/station/events.ts';
import type { CountFamily, MetricFamily, Sample, TrafficMeter } from '../ports/metrics.ts';
import { actionClasses, classOfAction } from '../protocol/action-class.ts';
import type { FrameKind } from '../protocol/frame.ts';
import { createHistogram, type Histogram } from './metrics-histogram.ts';

/** The meter, and the families it fills. */
export interface TrafficMetrics extends TrafficMeter {
  readonly families: readonly MetricFamily[];
}

const kinds = ['call', 'result', 'error', 'send', 'result_error', 'invalid'] as const satisfies readonly (
  | FrameKind
  | 'invalid'
)[];
const kindAt: Readonly<Record<FrameKind | 'invalid', number>> = {
  call: 0,
  result: 1,
  error: 2,
  send: 3,
  result_error: 4,
  invalid: 5,
};

/** How a call ended, as far as the journal knows. */
const callOutcomes = [
  'result',
  'error',
  'answered_by_busbar',
  'joined',
  'refused',
  'caller_gone',
  'peer_gone',
  'expired',
  'withheld',
  'covered',
] as const;
type CallOutcome = (typeof callOutcomes)[number];
const callOutcomeAt = Object.fromEntries(callOutcomes.map((outcome, at) => [outcome, at])) as Record<
  CallOutcome,
  number
>;

/** A station's call has its action's class; one to a station is a command, whatever its action. */
const callClasses = [...actionClasses, 'command'] as const;
const classAt = new Map<string, number>(callClasses.map((name, at) => [name, at]));
const commandClass = callClasses.length - 1;

type LossReason = Extract<Outcome, 'late' | 'repeated' | 'foreign' | 'ignored' | 'refused'> | DropReason;

/** Relay time is tens of microseconds when all is well; a backend answers in milliseconds to its timeout. */
const relayBoundsS = [
  0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1,
] as const;
const answerBoundsS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60] as const;

/** What passed on one kind of link: all stations' links, or those to one backend. */
interface LinkCells {
  readonly side: 'station' | 'backend';
  readonly backend: string;
  /** By kind; in, then out. */
  readonly frames: Float64Array;
  readonly answers: Histogram;
}

/** Everything that records add to. */
interface Tally {
  readonly links: Map<LinkName, LinkCells>;
  /** By class, then outcome. */
  readonly calls: Float64Array;
  readonly losses: Record<LossReason, number>;
  /** By backend. */
  readonly deliveries: Map<string, Record<DeliveryOutcome, number>>;
}

/**
 * The reason label of an upgrade that a station's machine refused with this HTTP status: its sentence is for people, and would make a series for each
 * wording.
 */
export function refusalOfStatus(status: number): string {
  switch (status) {
    case 400:
      return 'no_common_version';
    case 404:
      return 'no_route';
    case 409:
      return 'identity_in_use';
    case 429:
      return 'too_many_connects';
    case 503:
      return 'unavailable';
    default:
      return 'other';
  }
}

/** Starts counting at zero. */
export function createTrafficMetrics(): TrafficMetrics {
  const tally: Tally = {
    links: new Map(),
    calls: new Float64Array(callClasses.length * callOutcomes.length),
    losses: lossesAtZero(),
    deliveries: new Map(),
  };
  const notices = noticesAtZero();
  const refusals = new Map<string, number>();
  const relay = createHistogram(relayBoundsS);
  cellsOf(tally, 'station');
  return {
    observe: (record) => {
      switch (record.type) {
        case 'frame':
          observeFrame(tally, record);
          return;
        case 'sent':
          countFrame(cellsOf(tally, record.link), record.kind, true);
          return;
        case 'dropped':
          tally.losses[record.reason] += 1;
          countCall(tally, record.link === 'station', record.action, record.reason);
          return;
        case 'link':
        case 'booted':
        case 'skipped':
        case 'changed':
        case 'held':
        case 'learned':
        case 'billing':
        case 'gap':
          return;
        case 'delivery':
          countDelivery(tally, record);
          return;
      }
    },
    notice: (notice) => {
      notices[notice] += 1;
    },
    refused: (reason) => {
      refusals.set(reason, (refusals.get(reason) ?? 0) + 1);
    },
    relayed: (seconds) => relay.observe(seconds),
    families: [
      framesFamily(tally),
      callsFamily(tally),
      deliveriesFamily(tally),
      counts('busbar_frames_dropped_total', 'Frames received and not passed on, by reason.', 'reason', () =>
        Object.entries(tally.losses),
      ),
      counts(
        'busbar_notices_total',
        'Decisions about links and frames that the journal does not show.',
        'notice',
        () => Object.entries(notices),
      ),
      counts(
        'busbar_refusals_total',
        'Connections of stations that were refused, by reason.',
        'reason',
        () => refusals,
      ),
      relayFamily(relay),
      answersFamily(tally),
    ],
  };
}

function observeFrame(
  tally: Tally,
  { link, kind, action, outcome, relayedTo, latencyMs }: FrameRecord,
): void {
  const cells = cellsOf(tally, link);
  const isFromStation = link === 'station';
  countFrame(cells, kind, false);
  if (relayedTo !== null) countFrame(cellsOf(tally, relayedTo), kind, true);
  if (latencyMs !== null && !isFromStation) cells.answers.observe(latencyMs / 1000);
  switch (outcome) {
    case 'relayed':
    case 'rewritten':
    case 'queued':
      // An answer ends the call it answers; the one that asked is on the other side.
      if (kind === 'result' || kind === 'error') countCall(tally, !isFromStation, action, kind);
      return;
    case 'consumed':
      return;
    case 'answered':
    case 'covered':
    case 'joined':
      if (kind === 'call')
        countCall(tally, isFromStation, action, outcome === 'answered' ? 'answered_by_busbar' : outcome);
      return;
    case 'refused':
      tally.losses.refused += 1;
      if (kind === 'call') countCall(tally, isFromStation, action, 'refused');
      return;
    case 'late':
    case 'repeated':
    case 'foreign':
    case 'ignored':
      tally.losses[outcome] += 1;
      return;
  }
}

function countCall(
  { calls }: Tally,
  isFromStation: boolean,
  action: string | null,
  outcome: CallOutcome,
): void {
  const row = isFromStation ? (classAt.get(classOfAction(action)) as number) : commandClass;
  add(calls, row * callOutcomes.length + callOutcomeAt[outcome]);
}

function countDelivery({ deliveries }: Tally, { backend, outcome }: DeliveryRecord): void {
  const known = deliveries.get(backend);
  const counted = known ?? { delivered: 0, refused: 0, unanswered: 0, parked: 0, retried: 0, dropped: 0 };
  if (known === undefined) deliveries.set(backend, counted);
  counted[outcome] += 1;
}

function countFrame(cells: LinkCells, kind: FrameKind | 'invalid', isOut: boolean): void {
  add(cells.frames, isOut ? kinds.length + kindAt[kind] : kindAt[kind]);
}

function add(cells: Float64Array, at: number): void {
  cells[at] = (cells[at] as number) + 1;
}

function cellsOf({ links }: Tally, link: LinkName): LinkCells {
  const known = links.get(link);
  if (known !== undefined) return known;
  const isStation = link === 'station';
  const cells: LinkCells = {
    side: isStation ? 'station' : 'backend',
    backend: isStation ? '' : link.slice('backend:'.length),
    frames: new Float64Array(kinds.length * 2),
    answers: createHistogram(answerBoundsS),
  };
  links.set(link, cells);
  return cells;
}

function relayFamily(relay: Histogram): MetricFamily {
  return {
    type: 'histogram',
    name: 'busbar_relay_seconds',
    help: 'Time between receiving a frame and handing it to the other link.',
    labelNames: [],
    samples: () => [relay.sample({})],
  };
}

function answersFamily({ links }: Tally): MetricFamily {
  const ofBackends = () => [...links.values()].filter(({ side }) => side === 'backend');
  return {
    type: 'histogram',
    name: 'busbar_backend_answer_seconds',
    help: 'Time between sending a call to a backend and its answer.',
    labelNames: ['backend'],
    samples: () => ofBackends().map(({ backend, answers }) => answers.sample({ backend })),
  };
}

function framesFamily({ links }: Tally): CountFamily {
  return {
    type: 'counter',
    name: 'busbar_frames_total',
    help: 'Frames on links with stations (backend is empty) and with backends; direction is as seen from Busbar.',
    labelNames: ['side', 'backend', 'direction', 'kind'],
    samples: () =>
      [...links.values()].flatMap(({ side, backend, frames }) =>
        Array.from(frames, (value, at): Sample => {
          const direction = at < kinds.length ? 'in' : 'out';
          return { labels: { side, backend, direction, kind: kinds[at % kinds.length] as string }, value };
        }),
      ),
  };
}

function callsFamily({ calls }: Tally): CountFamily {
  return {
    type: 'counter',
    name: 'busbar_calls_total',
    help: 'Calls by how they ended. A call that was sent and never answered is in busbar_notices_total.',
    labelNames: ['direction', 'class', 'outcome'],
    samples: () =>
      Array.from(calls, (value, at): Sample => {
        const row = Math.floor(at / callOutcomes.length);
        const direction = row === commandClass ? 'to_station' : 'from_station';
        return {
          labels: {
            direction,
            class: callClasses[row] as string,
            outcome: callOutcomes[at % callOutcomes.length] as string,
          },
          value,
        };
      }),
  };
}

function deliveriesFamily({ deliveries }: Tally): CountFamily {
  return {
    type: 'counter',
    name: 'busbar_deliveries_total',
    help: 'What came of messages that were held. refused, unanswered: it is tried again. parked: given up until an operator decides. retried: an operator had it sent again. dropped: an operator gave it up, or it was of no more use.',
    labelNames: ['backend', 'outcome'],
    samples: () =>
      [...deliveries].flatMap(([backend, counted]) =>
        Object.entries(counted).map(([outcome, value]): Sample => ({ labels: { backend, outcome }, value })),
      ),
  };
}

function counts(
  name: string,
  help: string,
  label: string,
  totals: () => Iterable<[string, number]>,
): CountFamily {
  const samples = () => [...totals()].map(([reason, value]) => ({ labels: { [label]: reason }, value }));
  return { type: 'counter', name, help, labelNames: [label], samples };
}

function lossesAtZero(): Record<LossReason, number> {
  return {
    late: 0,
    repeated: 0,
    foreign: 0,
    ignored: 0,
    refused: 0,
    caller_gone: 0,
    peer_gone: 0,
    expired: 0,
    withheld: 0,
    covered: 0,
  };
}

function noticesAtZero(): Record<Notice, number> {
  return {
    identity_clash: 0,
    identity_displaced: 0,
    station_flooding: 0,
    backend_flooding: 0,
    station_unresponsive: 0,
    backend_unresponsive: 0,
    backend_silent: 0,
    backend_rejecting: 0,
    command_unanswered: 0,
    command_forbidden: 0,
    command_protected: 0,
    moved_by_route: 0,
    late_refusal: 0,
    stale_event: 0,
    journal_failing: 0,
    held_near_bound: 0,
    fault_forgotten: 0,
  };
}
