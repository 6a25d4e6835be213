/**
 * What a seed stands for: who lives in the world, how things are set, and what goes wrong how often.
 *
 * Pure. Each seed switches on a different part of the faults (swarm testing), so that rare ones are not always drowned by common ones.
 */
import { plainAssignment, type Assignment, type RoutingTable } from '../../core/routing/table.ts';
import { queueDeadlineMs } from '../../core/commands/idempotence.ts';
import type { StationSettings } from '../../core/station/events.ts';
import type { BackendSettings, Settings } from '../../ports/settings.ts';
import { defaultReceived, messageClasses } from '../../protocol/message-class.ts';
import { ocppVersions } from '../../protocol/version.ts';
import { backendDefaults, misbehaviours, type BackendOptions, type Misbehaviour } from '../backend-life.ts';
import type { LifeSpec } from '../life-state.ts';
import { createRandom, type Random, type Range } from '../random.ts';

/** What can go wrong with the world at large. */
export const faults = [
  'cut_station',
  'cut_backend',
  'hang_backend',
  'refuse_dials',
  'deaf_dials',
  'accept_then_close',
  'fail_disk',
  'kill_gateway',
  'lose_power',
  'reload',
  'drain',
  'burst',
  'babble',
  'impostor',
] as const;
export type Fault = (typeof faults)[number];

export interface Plan {
  readonly seed: number;
  readonly stations: readonly LifeSpec[];
  /** Stations present credentials: then the newest link wins. */
  readonly isAuthenticated: boolean;
  /** Those that answer stations. */
  readonly backends: readonly BackendOptions[];
  /** Those that only listen in. */
  readonly listeners: readonly Listener[];
  /** All backends number transactions and requests alike, on purpose. */
  readonly collides: boolean;
  readonly latencyMs: Range;
  readonly commitMs: Range;
  readonly closeTimeoutMs: number;
  /** How exactly the gateway is woken. */
  readonly wheelSlotMs: number;
  readonly station: StationSettings;
  readonly callTimeoutMs: number;
  /** Actions that a backend other than the primary answers. */
  readonly split: readonly string[];
  /** Busbar answers for a primary that is down. */
  readonly covers: boolean;
  /** A route by vendor, which moves a station once it has said who it is. */
  readonly routesByVendor: boolean;
  readonly faultEveryMs: number;
  /** How long a backend takes no links, once it does not. */
  readonly outageMs: Range;
  readonly faults: readonly Fault[];
  /** How often somebody moves a station from one backend to another, or back; Infinity: never. */
  readonly moveEveryMs: number;
  /** How often somebody hands a station's open transactions over to another backend, there and back; Infinity: never. */
  readonly handOverEveryMs: number;
  /** How often somebody decides who listens in to a station; Infinity: never. */
  readonly observeEveryMs: number;
  /** When the faults are over, backends that Busbar answers for are away once more, over a restart. */
  readonly endsInOutage: boolean;
  /** How often a station gets other firmware, which may speak another version; Infinity: never. */
  readonly reflashEveryMs: number;
  /** How often an operator decides about a held message; Infinity: never. */
  readonly decideEveryMs: number;
  /** A process may start with another configuration than the one before had. */
  readonly reconfigures: boolean;
  /** How often backends have stations start, one after the other and for the same card; Infinity: never. */
  readonly startEveryMs: number;
  /** How often a station does what firmware in the field does and should not; Infinity: never. */
  readonly quirkEveryMs: number;
  /** How often several backends ask a station for reports at once; Infinity: never. */
  readonly askEveryMs: number;
  /** Backends are let go of by such moves, at once or later; else each that was told of a station once is kept told. */
  readonly letsGo: boolean;
}

/** Nobody breaks anything, and nobody changes or asks what the stations and backends do not by themselves. */
export const uneventful = {
  faults: [],
  reflashEveryMs: Infinity,
  reconfigures: false,
  handOverEveryMs: Infinity,
  startEveryMs: Infinity,
  quirkEveryMs: Infinity,
  askEveryMs: Infinity,
} as const satisfies Partial<Plan>;

/** A backend that gets copies: of what a backend gets by default, or of everything, where it bills nobody. */
export interface Listener {
  readonly options: BackendOptions;
  readonly getsAll: boolean;
  /** It may send `grantedCommands`. */
  readonly mayAsk: boolean;
}

/** What a listener with rights may send to a station: what reports to the one that asked, and what only it reads. */
export const grantedCommands: ReadonlySet<string> = new Set([
  'GetBaseReport',
  'GetReport',
  'GetMonitoringReport',
  'CustomerInformation',
  'GetLog',
  'GetDiagnostics',
  'DataTransfer',
  'GetTransactionStatus',
]);

const minuteMs = 60_000;
const splittable = [
  'StatusNotification',
  'SecurityEventNotification',
  'Authorize',
  'Heartbeat',
  'DataTransfer',
];

export function planOf(seed: number): Plan {
  const random = createRandom(seed, 'plan');
  const backends = (random.chance(0.5) ? ['old'] : ['old', 'new']).map((name) =>
    backendOf(name, seed, random),
  );
  // What three have between them that two have not is little.
  const count = random.pick([1, 1, 2, 3]);
  return {
    seed,
    stations: Array.from({ length: count }, (_, at) => stationOf(`CP-${at + 1}`, seed, random)),
    isAuthenticated: random.chance(0.5),
    backends,
    latencyMs: random.pick([
      [1, 5],
      [5, 80],
      [20, 400],
    ] as const),
    commitMs: random.pick([
      [1, 3],
      [2, 20],
      [10, 300],
    ] as const),
    closeTimeoutMs: 5_000,
    wheelSlotMs: 50,
    station: {
      callTimeoutMs: 15_000,
      answerWithinMs: 8_000,
      heldMax: 10_000,
      heldCharactersMax: 64_000_000,
      heldInAllMax: 256_000_000,
      pingIntervalMs: minuteMs,
      pongTimeoutMs: 20_000,
      callsPerSecond: random.pick([5, 20, Infinity]),
      connectsPerHour: random.pick([120, Infinity]),
    },
    callTimeoutMs: 15_000,
    split:
      backends.length > 1 && random.chance(0.6) ? [random.pick(splittable), random.pick(splittable)] : [],
    routesByVendor: backends.length > 1 && random.chance(0.3),
    faultEveryMs: random.pick([minuteMs / 2, 3 * minuteMs, 10 * minuteMs]),
    faults: someOf(faults, random),
    outageMs: [1_000, 5 * minuteMs],
    covers: createRandom(seed, 'cover').chance(0.5),
    endsInOutage: createRandom(seed, 'last outage').chance(0.5),
    moveEveryMs: backends.length > 1 ? createRandom(seed, 'moves').pick(moves) : Infinity,
    handOverEveryMs: backends.length > 1 ? createRandom(seed, 'hand over').pick(handings) : Infinity,
    decideEveryMs: createRandom(seed, 'deciding').pick(decisions),
    reflashEveryMs: createRandom(seed, 'reflashing').pick(reflashes),
    reconfigures: createRandom(seed, 'reconfiguring').chance(0.3),
    startEveryMs: createRandom(seed, 'starting').pick(askings),
    quirkEveryMs: createRandom(seed, 'quirks').pick(askings),
    askEveryMs: createRandom(seed, 'asking').pick(askings),
    letsGo: true,
    ...listenersOf(seed),
  };
}

const moves = [Infinity, minuteMs / 2, 3 * minuteMs, 10 * minuteMs] as const;
/** Most stations never do: what a version means is best looked at over a life in it. */
const reflashes = [Infinity, Infinity, 15 * minuteMs, 5 * minuteMs] as const;

/** Most worlds never do: there a transaction has one owner from its start to its end. */
const handings = [Infinity, Infinity, 10 * minuteMs, 20 * minuteMs] as const;

/** A report is told within seconds. */
const askings = [Infinity, Infinity, 2 * minuteMs, 10 * minuteMs] as const;

/** What is held is so for minutes: whoever decides more seldom than that hardly ever finds anything. */
const decisions = [Infinity, minuteMs / 6, minuteMs / 2, 2 * minuteMs] as const;

/** Drawn apart, so that the rest of a seed does not depend on who listens. */
function listenersOf(seed: number): Pick<Plan, 'listeners' | 'collides' | 'observeEveryMs'> {
  const random = createRandom(seed, 'listeners');
  const count = random.pick([0, 1, 1, 2, 3]);
  const listeners = Array.from({ length: count }, (_, at) => ({
    options: backendOf(`ear-${at + 1}`, seed, random),
    getsAll: random.chance(0.6),
    mayAsk: random.chance(0.5),
  }));
  const collides = random.chance(0.5);
  return { listeners, collides, observeEveryMs: count === 0 ? Infinity : random.pick(moves) };
}

function stationOf(id: string, seed: number, random: Random): LifeSpec {
  return {
    id,
    seed,
    offers: [random.pick(ocppVersions)],
    idleMs: [10_000, 5 * minuteMs],
    chargingMs: [2 * minuteMs, 30 * minuteMs],
    meterIntervalMs: random.pick([30_000, 60_000]),
    powerCutEveryMs: random.pick([Infinity, 20 * minuteMs, 60 * minuteMs]),
    answerDelayMs: random.pick([
      [0, 500],
      [0, 20_000],
    ] as const),
    spelling: createRandom(seed, `spelling ${id}`).chance(0.4) ? 'odd' : 'plain',
    retryIds: random.pick(['new', 'same'] as const),
    goesOnReporting: createRandom(seed, `reporting ${id}`).chance(0.5),
    // Longer than the gateway waits for a backend, so that silence is the gateway's to end.
    callTimeoutMs: 45_000,
  };
}

function backendOf(name: string, seed: number, random: Random): BackendOptions {
  const misbehave: Partial<Record<Misbehaviour, number>> = {};
  for (const kind of someOf(misbehaviours, random)) misbehave[kind] = random.pick([0.003, 0.03]);
  return {
    ...backendDefaults,
    name,
    seed,
    answerDelayMs: random.pick([
      [1, 50],
      [10, 2_000],
    ] as const),
    intervalS: random.pick([60, 300]),
    bootsRefused: random.pick([0, 0.2]),
    tokensRefused: random.pick([0, 0.1]),
    commandEveryMs: random.pick([Infinity, minuteMs, 5 * minuteMs]),
    commandTimeoutMs: random.pick([5_000, 30_000]),
    misbehave,
    lateMs: 20_000,
    // More than the gateway keeps for one backend, and fewer.
    floodCommands: random.pick([5, 70]),
  };
}

function someOf<Item>(items: readonly Item[], random: Random): Item[] {
  const share = random.next();
  return items.filter(() => random.chance(share));
}

/** What waits for the disk waits for the commit that is under way, and its own. */
export function commitWithinMs(plan: Plan): number {
  return plan.commitMs[1] * 2;
}

/** A call waits at most its time in the lane and its time in the slot, or that of the command in front of it; a commit comes on top. */
export function answerWithinMs(plan: Plan): number {
  return 2 * Math.max(plan.callTimeoutMs, plan.station.callTimeoutMs) + commitWithinMs(plan) + 1_000;
}

/** A command waits at most its time in the queue and then the station's, which is longer for the few that take a station long. */
export function commandWithinMs(plan: Plan): number {
  return queueDeadlineMs + slowestMs + commitWithinMs(plan) + 1_000;
}

/** What a station may take to store a list or to collect every key. */
const slowestMs = 60_000;

/** Busbar may answer for a primary that is down, if only by some of the configurations that there are. */
export function mayCover({ covers, reconfigures }: Plan): boolean {
  return covers || reconfigures;
}

/** What the operator may have changed since the world began. */
export interface Operated {
  /** Which backend is the primary of everyone, as a place in the plan's list. */
  readonly primary: number;
  /** Counts changes of backend settings that need a new dial. */
  readonly revision: number;
  readonly covers: boolean;
  /** Actions of stations that Busbar answers itself. */
  readonly ownAnswers: readonly string[];
  /** Those who listen in. */
  readonly listeners: readonly string[];
}

/** How the plan has it. */
export function asPlanned({ covers, listeners }: Plan): Operated {
  return {
    primary: 0,
    revision: 1,
    covers,
    ownAnswers: [],
    listeners: listeners.map(({ options }) => options.name),
  };
}

/** Every backend there is, those that answer first. */
export function everyone(plan: Plan): BackendOptions[] {
  return [...plan.backends, ...plan.listeners.map(({ options }) => options)];
}

/** The settings of a process, as the plan and the operator have them. */
export function settingsOf(plan: Plan, operated: Operated): Settings {
  const names = plan.backends.map(({ name }) => name);
  const primary = names[operated.primary % names.length] as string;
  const other = names[(operated.primary + 1) % names.length] as string;
  const split = other === primary ? [] : plan.split;
  const limits = {
    stationFrameBytes: 131_072,
    backendFrameBytes: 1_048_576,
    fragmentsMax: 64,
    messageTimeoutMs: 30_000,
    controlFramesPerSecond: 50,
    handshakesMax: 1_000,
    handshakeTimeoutMs: 10_000,
    upgradeTimeoutMs: 15_000,
    headerBytes: 16_384,
    closeTimeoutMs: plan.closeTimeoutMs,
    failuresPerMinute: 20,
    congestedBytes: 65_536,
    bufferedBytesMax: 1_048_576,
  };
  return {
    listener: {
      host: '127.0.0.1',
      port: 0,
      tls: null,
      admit: 'any',
      hideUnknown: false,
      auth: 'none',
      known: new Map(),
      limits,
    },
    admin: { host: '127.0.0.1', port: 0, tokens: [] },
    storage: { kind: 'sqlite', file: ':memory:' },
    retention: { framesMs: Infinity, bytesMax: Infinity },
    backends: new Map(everyone(plan).map(({ name }) => [name, backendSettings(plan, name)])),
    routing: routingOf(plan, operated, primary, other, split),
    station: plan.station,
    links: limits,
  };
}

const redial = { redialFromMs: 1_000, redialToMs: 60_000 };

function backendSettings(plan: Plan, name: string): BackendSettings {
  return {
    name,
    url: `ws://${name}.example/ocpp/{station}`,
    identity: '{station}',
    versions: ocppVersions,
    credentials: { kind: 'none' },
    headers: new Map(),
    tls: { ca: null, cert: null, key: null },
    callTimeoutMs: plan.callTimeoutMs,
    ...redial,
    connectsPerSecond: Infinity,
    deliveriesPerSecond: 50,
  };
}

function routingOf(
  plan: Plan,
  { covers, ownAnswers, listeners, revision }: Operated,
  primary: string,
  other: string,
  split: readonly string[],
): RoutingTable {
  const actions = new Map(split.map((action) => [action, other]));
  const observers = plan.listeners
    .filter(({ options }) => listeners.includes(options.name))
    .map(({ options, getsAll, mayAsk }) => ({
      backend: options.name,
      receives: new Set(getsAll ? messageClasses : defaultReceived),
      commands: mayAsk ? grantedCommands : new Set<string>(),
    }));
  const common = {
    observers,
    whenDown: { covers, untilMs: Infinity, untilMessages: Infinity },
    authorizeWhenDown: 'all' as const,
    localAnswers: new Set(ownAnswers.filter((action) => !actions.has(action))),
    clock: ownAnswers.includes('Heartbeat') ? ('own' as const) : ('relay' as const),
  };
  const fallback: Assignment = {
    ...plainAssignment(1, primary),
    ...common,
    actions,
  };
  const byVendor: Assignment = {
    ...plainAssignment(0, other),
    ...common,
    group: 'simulators',
  };
  const group = {
    name: 'simulators',
    stations: null,
    vendor: 'Busbar*',
    model: null,
    firmware: null,
    tags: null,
  };
  return {
    groups: new Map([[group.name, group]]),
    routes: [
      ...(plan.routesByVendor ? [{ stations: null, group: group.name, assignment: byVendor }] : []),
      { stations: ['*'], group: null, assignment: fallback },
    ],
    backends: new Map(
      everyone(plan).map(({ name }) => [
        name,
        {
          name,
          versions: ocppVersions,
          callTimeoutMs: plan.callTimeoutMs,
          ...redial,
          holdDownMs: 5_000,
          nonBilling: plan.listeners.some(({ options, getsAll }) => getsAll && options.name === name),
          revision: `r${revision}`,
        },
      ]),
    ),
  };
}
