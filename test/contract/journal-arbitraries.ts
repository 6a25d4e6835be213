/**
 * Any journal record at all, for property tests.
 */
import fc from 'fast-check';
import type {
  BootedRecord,
  ChangedRecord,
  DeliveryRecord,
  HeldRecord,
  LearnedRecord,
  SkippedRecord,
  FrameRecord,
  JournalRecord,
  LinkName,
} from '../../src/core/journal/record.ts';
import type { StationId } from '../../src/protocol/station-id.ts';

const wellFormed = fc.string({ unit: 'binary', maxLength: 40 });
const at = fc.nat(60);
const station = fc.constantFrom(
  'CP-1' as StationId,
  'CP-2' as StationId,
  'CP' as StationId,
  'a*=|@.' as StationId,
);
const link: fc.Arbitrary<LinkName> = fc.oneof(
  fc.constant('station' as const),
  fc
    .oneof(fc.constantFrom('old', 'new'), fc.string({ minLength: 1 }))
    .map((name) => `backend:${name}` as const),
);
const action = fc.oneof(fc.constantFrom(null, '', 'Heartbeat', 'MeterValues'), fc.string());
const idToken = wellFormed.map((id) => JSON.stringify(id));
/** Any text around a message id, or without one. */
const textAndId = fc.oneof(
  wellFormed.map((text) => ({ text, idStart: 0, idEnd: 0 })),
  fc.tuple(wellFormed, idToken, wellFormed).map(([before, id, after]) => ({
    text: before + id + after,
    idStart: before.length,
    idEnd: before.length + id.length,
  })),
);
const sentKind = fc.constantFrom(
  'call' as const,
  'result' as const,
  'error' as const,
  'result_error' as const,
  'send' as const,
);
const kind = fc.oneof(sentKind, fc.constant('invalid' as const));
const maybeText = fc.option(wellFormed);

interface Place {
  readonly text: string;
  readonly idStart: number;
  readonly idEnd: number;
}

function placed<Rest extends object>({
  place,
  ...rest
}: Rest & { readonly place: Place }): Omit<Rest & { place: Place }, 'place'> & Place {
  return Object.assign(rest, place);
}

const anyFrame: fc.Arbitrary<FrameRecord> = fc
  .record({
    type: fc.constant('frame' as const),
    at,
    station,
    link,
    kind,
    action,
    place: textAndId,
    outcome: fc.constantFrom(
      'relayed',
      'queued',
      'joined',
      'answered',
      'covered',
      'rewritten',
      'consumed',
      'late',
      'repeated',
      'foreign',
      'ignored',
      'refused',
    ),
    relayedTo: fc.option(link),
    relayedIdToken: fc.option(idToken),
    latencyMs: fc.option(fc.double({ min: 0, max: 1e6, noNaN: true }).map((value) => value + 0)),
  })
  .filter((frame) => frame.relayedTo !== null || frame.relayedIdToken === null)
  .map(placed);

const anyBooted: fc.Arbitrary<BootedRecord> = fc.record({
  type: fc.constant('booted' as const),
  at,
  station,
  boot: fc.record({ vendor: maybeText, model: maybeText, firmware: maybeText, serial: maybeText }),
});

const anySkipped: fc.Arbitrary<SkippedRecord> = fc.record({
  type: fc.constant('skipped' as const),
  at,
  station,
  link,
  copies: fc.nat(),
  reason: fc.constantFrom('lane_full' as const, 'link_lost' as const),
});

const anyChanged: fc.Arbitrary<ChangedRecord> = fc.record({
  type: fc.constant('changed' as const),
  at,
  station,
  change: fc.record({
    what: fc.constant('verdict' as const),
    backend: wellFormed,
    verdict: fc.record({
      status: fc.constantFrom('Accepted' as const, 'Pending' as const, 'Rejected' as const),
      intervalS: fc.nat(),
      boot: fc.nat(),
    }),
  }),
});

const version = fc.constantFrom('ocpp1.6' as const, 'ocpp2.0.1' as const, 'ocpp2.1' as const);

const anyHeld: fc.Arbitrary<HeldRecord> = fc.record({
  type: fc.constant('held' as const),
  at,
  station,
  message: fc.record({
    number: fc.nat(),
    backend: wellFormed,
    key: wellFormed,
    version,
    action: fc.string(),
    transaction: maybeText,
    hasLeft: fc.boolean(),
    answer: fc.option(wellFormed),
    isWorded: fc.boolean(),
    text: wellFormed,
    since: at,
  }),
});

const anyDelivery: fc.Arbitrary<DeliveryRecord> = fc.record({
  type: fc.constant('delivery' as const),
  at,
  station,
  backend: wellFormed,
  number: fc.nat(),
  action: fc.string(),
  outcome: fc.constantFrom('delivered', 'refused', 'unanswered', 'parked', 'retried', 'dropped'),
  delivery: fc.option(
    fc.record({
      state: fc.constantFrom('waiting' as const, 'parked' as const),
      attempts: fc.nat(),
      retryAt: fc.nat(),
      lastError: maybeText,
    }),
  ),
});

const anyLearned: fc.Arbitrary<LearnedRecord> = fc.record({
  type: fc.constant('learned' as const),
  at,
  station,
  backend: wellFormed,
  token: wellFormed,
  learned: fc.record({
    status: wellFormed,
    group: maybeText,
    expiresAt: fc.option(fc.nat()),
    learnedAt: fc.nat(),
  }),
});

/** Any record, with times from 0 to 60 and few stations, so that filters meet something. */
export const anyRecord: fc.Arbitrary<JournalRecord> = fc.oneof(
  anyFrame,
  anySkipped,
  anyChanged,
  anyHeld,
  anyDelivery,
  anyLearned,
  fc
    .record({
      type: fc.constant('sent' as const),
      purpose: fc.constantFrom('relay' as const, 'copy' as const, 'own' as const),
      at,
      station,
      link,
      kind: sentKind,
      action,
      place: textAndId,
    })
    .map(placed),
  fc.record({
    type: fc.constant('dropped' as const),
    at,
    station,
    link,
    action: fc.string(),
    reason: fc.constantFrom('caller_gone', 'peer_gone', 'expired'),
  }),
  fc.record({
    type: fc.constant('link' as const),
    at,
    station,
    link,
    change: fc.constantFrom('opened', 'closed'),
    version: fc.constantFrom(null, 'ocpp1.6', 'ocpp2.0.1', 'ocpp2.1'),
    code: fc.option(fc.integer({ min: 1000, max: 4999 })),
    reason: maybeText,
  }),
  anyBooted,
  fc.record({
    type: fc.constant('billing' as const),
    at,
    backend: wellFormed,
    change: fc.constantFrom('at_risk', 'over'),
    since: fc.nat(),
    stations: fc.nat(),
    messages: fc.nat(),
    oldest: fc.nat(),
  }),
  fc.record({
    type: fc.constant('gap' as const),
    at,
    records: fc.nat(),
    cause: fc.constantFrom('not_kept', 'unreadable'),
  }),
);
