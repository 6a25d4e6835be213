/**
 * The shapes of the HTTP API: what it takes and what it answers.
 *
 * Pure. The OpenAPI document, the checks of incoming requests and the client's types are all made from these. Times are RFC 3339 in UTC.
 */
import Type, { type Static, type TSchema } from 'typebox';
import { messageClasses } from '../protocol/message-class.ts';
import { ocppVersions } from '../protocol/version.ts';

export const nullable = <Schema extends TSchema>(schema: Schema) => Type.Union([schema, Type.Null()]);
export const oneOf = <const Values extends string[]>(values: readonly [...Values], options = {}) =>
  Type.Enum(values, options);

/** How many items a page holds unless told, and at most. */
export const listLimitDefault = 100;
const listLimitMax = 1000;

const version = oneOf(ocppVersions, {
  description: 'The OCPP version, as its WebSocket subprotocol.',
});

const stationBackend = Type.Object(
  {
    backend: Type.String(),
    role: oneOf(['primary', 'observer', 'authority', 'standby', 'draining'], {
      description:
        'authority: not the primary, but the authority for some actions. observer: gets copies. standby: told of the station, so that it can be moved there. draining: the primary before, which still has open transactions, or a backend that messages are held for and the station is not placed with now.',
    }),
    link: oneOf(['idle', 'dialling', 'open', 'waiting']),
    state: nullable(
      oneOf(['connecting', 'registering', 'pending', 'priming', 'synced', 'rejected', 'failed'], {
        description:
          'How far it knows the station: it took the boot, the statuses and a heartbeat when synced.',
      }),
    ),
    laneDepth: Type.Integer({
      minimum: 0,
      description: 'Calls from the station that wait for this backend.',
    }),
    held: Type.Integer({
      minimum: 0,
      description: 'Messages that Busbar answered in its place and that leave for it by themselves.',
    }),
    parked: Type.Integer({
      minimum: 0,
      description:
        'Messages that it refused for good, and those of their transactions behind them: an operator has to decide. See /deliveries.',
    }),
    heldBytes: Type.Integer({ minimum: 0, description: 'What the texts of both weigh, in characters.' }),
    dropped: Type.Integer({
      minimum: 0,
      description: 'Copies that were not sent because too many waited. Only an observer’s.',
    }),
    lastError: nullable(Type.String()),
    clockSkewMs: nullable(Type.Number({ description: 'Its clock less Busbar’s, by its last currentTime.' })),
    asked: Type.Array(
      Type.Object(
        {
          component: nullable(Type.String({ description: 'null in OCPP 1.6.' })),
          key: Type.String(),
          value: Type.String(),
        },
        { additionalProperties: false },
      ),
      {
        description:
          'Settings of the station that it asked for and may not write; the last few. A plan to move stations to it can set them.',
      },
    ),
    transactions: Type.Array(
      Type.Object(
        {
          id: nullable(
            Type.String({
              description: 'As this backend knows it; null while it has not given it a usable number.',
            }),
          ),
          stationId: nullable(
            Type.String({
              description: 'As the station knows it; null while nobody has answered its start.',
            }),
          ),
          connector: nullable(Type.Integer({ minimum: 0 })),
          startedAt: nullable(
            Type.String({
              format: 'date-time',
              description: 'null where it began before Busbar was there.',
            }),
          ),
        },
        { additionalProperties: false },
      ),
      { description: 'The open ones.' },
    ),
  },
  { additionalProperties: false },
);

/** Far more than anybody lists. */
export const observersMax = 100;

export const messageClass = oneOf(messageClasses);
export type MessageClass = Static<typeof messageClass>;

export const observerFields = {
  backend: Type.String({ minLength: 1, maxLength: 100 }),
  receives: Type.Array(messageClass, {
    maxItems: messageClasses.length,
    description: 'The classes of messages it gets copies of.',
  }),
  commands: Type.Array(Type.String({ minLength: 1, maxLength: 64 }), {
    maxItems: observersMax,
    description: 'Actions that it may send to the station.',
  }),
};

const placement = nullable(
  Type.Object(
    {
      routed: Type.String({ description: 'The backend that its route gives it.' }),
      primary: Type.String(),
      before: nullable(Type.String({ description: 'What a rollback goes back to; null: nothing to undo.' })),
      observers: nullable(
        Type.Array(Type.Object(observerFields, { additionalProperties: false }), {
          description: 'Who listens in by decision; null: whom its route says.',
        }),
      ),
      since: nullable(
        Type.String({
          format: 'date-time',
          description: 'When the primary last changed; null: it never did.',
        }),
      ),
      ready: Type.Array(
        Type.Object(
          {
            backend: Type.String(),
            until: nullable(
              Type.String({ format: 'date-time', description: 'null: until it is told otherwise.' }),
            ),
          },
          { additionalProperties: false },
        ),
        { description: 'Backends that are kept ready beside the primary.' },
      ),
    },
    {
      additionalProperties: false,
      description: 'What was decided of the station beside its route; null: its route alone decides.',
    },
  ),
);

const recentCommand = Type.Object(
  {
    at: Type.String({ format: 'date-time' }),
    from: Type.String({ description: 'The backend’s name, or `operator`.' }),
    action: Type.String(),
    outcome: oneOf(['result', 'error', 'refused', 'expired', 'unknown'], {
      description: 'refused: by Busbar. expired: its turn did not come. unknown: sent, and no answer came.',
    }),
    tookMs: Type.Number({ minimum: 0 }),
  },
  { additionalProperties: false },
);

const placed = {
  id: Type.String({ description: 'What the station knows it by.' }),
  backend: Type.String({ description: 'Who placed it: a backend’s name, or `operator`.' }),
  connector: Type.Integer({ minimum: 0, description: 'The EVSE in OCPP 2.x; 0: the station.' }),
  whole: Type.Boolean({ description: 'Busbar could place it again as it is.' }),
  asideAt: nullable(
    Type.String({
      format: 'date-time',
      description: 'When it was cleared in an operator’s name, as a move does; null: the station has it.',
    }),
  ),
};
const endsAt = nullable(Type.String({ format: 'date-time' }));

const placedProfile = Type.Object(
  { ...placed, purpose: Type.String(), stackLevel: Type.Integer(), endsAt },
  { additionalProperties: false },
);

const placedMessage = Type.Object(
  { ...placed, priority: Type.String(), endsAt },
  { additionalProperties: false },
);

const placedTariff = Type.Object(
  { ...placed, currency: Type.String(), validFrom: nullable(Type.String({ format: 'date-time' })) },
  { additionalProperties: false },
);

export const station = Type.Object(
  {
    id: Type.String({ description: 'The station’s identity.' }),
    connected: Type.Boolean(),
    version: nullable(version),
    vendor: nullable(Type.String()),
    model: nullable(Type.String()),
    firmware: nullable(Type.String()),
    group: nullable(Type.String()),
    site: nullable(Type.String()),
    tags: Type.Array(Type.String()),
    primary: nullable(Type.String({ description: 'The backend that is the authority.' })),
    placement,
    lastSeenAt: nullable(
      Type.String({
        format: 'date-time',
        description:
          'While it is connected, when its last frame came, pongs too. Else when its link ended, or began where Busbar was killed before that. null: it never came.',
      }),
    ),
    backends: Type.Array(stationBackend),
    profiles: Type.Array(placedProfile, {
      description:
        'Charging profiles that it was given through Busbar, but for those of transactions. It may have others, and may have dropped these by itself.',
    }),
    moreProfiles: Type.Boolean({ description: 'It was given more than Busbar keeps.' }),
    displayMessages: Type.Array(placedMessage, {
      description: 'Display messages, likewise. OCPP 2.x.',
    }),
    moreDisplayMessages: Type.Boolean({ description: 'It was given more than Busbar keeps.' }),
    tariffs: Type.Array(placedTariff, { description: 'Default tariffs, likewise. OCPP 2.1.' }),
    moreTariffs: Type.Boolean({ description: 'It was given more than Busbar keeps.' }),
    recentCommands: Type.Array(recentCommand, {
      description: 'The newest commands that are over, newest first.',
    }),
  },
  { additionalProperties: false },
);
export type Station = Static<typeof station>;

export const frame = Type.Object(
  {
    position: Type.Integer({
      minimum: 0,
      description: 'Where the frame stands in the journal; grows, with holes.',
    }),
    at: Type.String({ format: 'date-time' }),
    station: Type.String(),
    link: Type.String({ description: '`station`, or `backend:` and its name.' }),
    direction: oneOf(['in', 'out'], { description: 'Into Busbar, or out of it.' }),
    kind: oneOf(['call', 'result', 'error', 'send', 'result_error', 'invalid'], {
      description: 'The OCPP-J message type. invalid: no OCPP-J frame.',
    }),
    messageId: nullable(Type.String({ description: 'null where it could not be read.' })),
    action: nullable(
      Type.String({
        description: 'That of the call it answers, for a result or error. null where it is not known.',
      }),
    ),
    text: Type.String({
      description:
        'What was received or sent, to the byte, but for what gives access: passwords and keys in settings, login and query of addresses, and what answers or errors may repeat of them. `***` stands in their place.',
    }),
    relayed: Type.Optional(
      Type.Boolean({ description: 'A received frame: whether it was sent on at once.' }),
    ),
    outcome: Type.Optional(
      oneOf(
        [
          'relayed',
          'rewritten',
          'queued',
          'answered',
          'covered',
          'consumed',
          'late',
          'repeated',
          'joined',
          'foreign',
          'ignored',
          'refused',
        ],
        {
          description:
            'A received frame: what became of it. answered, covered: Busbar answered it itself, covered in the place of a backend that is down.',
        },
      ),
    ),
    latencyMs: Type.Optional(
      Type.Number({ description: 'A received answer: milliseconds since its call was sent.' }),
    ),
  },
  { additionalProperties: false },
);
export type Frame = Static<typeof frame>;

export const backend = Type.Object(
  {
    name: Type.String(),
    url: Type.String({ description: 'The template of its address; values in its query are shown as `***`.' }),
    versions: Type.Array(version),
    linksOpen: Type.Integer({ minimum: 0 }),
    linksDialling: Type.Integer({ minimum: 0 }),
    linksWaiting: Type.Integer({ minimum: 0, description: 'Links that wait before they dial again.' }),
    stationsPrimary: Type.Integer({ minimum: 0, description: 'Stations whose primary it is.' }),
    held: Type.Integer({
      minimum: 0,
      description: 'Messages of all stations that leave for it by themselves.',
    }),
    parked: Type.Integer({
      minimum: 0,
      description: 'Messages of all stations that an operator has to decide about.',
    }),
    heldBytes: Type.Integer({ minimum: 0, description: 'What the texts of both weigh, in characters.' }),
    billingAtRisk: nullable(
      Type.Object(
        {
          since: Type.String({ format: 'date-time' }),
          stations: Type.Integer({
            minimum: 0,
            description: 'That have such messages: the most at once since then.',
          }),
          messages: Type.Integer({ minimum: 0, description: 'The most at once since then.' }),
          oldest: Type.String({ format: 'date-time', description: 'When the oldest of them was held.' }),
        },
        {
          additionalProperties: false,
          description:
            'Messages of transactions, and no copies for observers, are parked, or have been held for more than an hour, or were lately; null: not so. It is on record in the journal when it begins and when it is over.',
        },
      ),
    ),
    lastError: nullable(Type.String()),
  },
  { additionalProperties: false },
);
export type Backend = Static<typeof backend>;

export const reason = Type.String({
  minLength: 1,
  maxLength: 500,
  pattern: '\\S',
  description: 'Why; the audit keeps it.',
});

export const stationMoved = Type.Object(
  {
    changed: Type.Boolean({ description: 'false: it was so already.' }),
    placement,
    migration: nullable(
      Type.String({
        description:
          'The migration that is not over and has the station. It sees what was decided and counts the station so. null: none has.',
      }),
    ),
  },
  { additionalProperties: false },
);
export type StationMoved = Static<typeof stationMoved>;

export const commandResult = Type.Object(
  {
    result: Type.Object(
      {},
      { additionalProperties: true, description: 'The payload, as the station sent it.' },
    ),
  },
  { additionalProperties: false },
);

export type CommandResult = Static<typeof commandResult>;

export const auditEntry = Type.Object(
  {
    id: Type.Integer({ minimum: 1 }),
    at: Type.String({ format: 'date-time' }),
    who: Type.String({ description: 'The token’s name, or `loopback`.' }),
    action: Type.String({ description: '`station.command`, `config.reload` and the like.' }),
    target: nullable(Type.String({ description: 'The station; null: the gateway as a whole.' })),
    request: Type.Unknown({ description: 'What was asked for; cut after 4,096 characters.' }),
    reason: nullable(Type.String()),
    outcome: oneOf(['unknown', 'done', 'refused', 'failed'], {
      description:
        'refused: nothing was changed. failed: it was tried, and did not succeed or is not known to have. unknown: it still runs, or Busbar ended before it was written.',
    }),
    detail: nullable(Type.String()),
    before: Type.Unknown({ description: 'What it was before; null where that means nothing.' }),
    after: Type.Unknown({ description: 'What it is now, or what the station answered.' }),
  },
  { additionalProperties: false },
);
export type Audit = Static<typeof auditEntry>;

const problemItem = Type.Object(
  { where: Type.String(), reason: Type.String() },
  { additionalProperties: false },
);

export const problemDetails = Type.Object(
  {
    type: Type.String({ description: '`urn:busbar:problem:` and a name; compare this.' }),
    title: Type.String(),
    status: Type.Integer(),
    detail: Type.String({ description: 'What happened here, for people.' }),
    errors: Type.Optional(Type.Array(problemItem, { description: 'Each thing that is wrong, and where.' })),
  },
  { additionalProperties: false, description: 'RFC 9457 problem details.' },
);

export const reloaded = Type.Object(
  { changed: Type.Boolean({ description: 'false: the file says what was running already.' }) },
  { additionalProperties: false },
);

export const alive = Type.Object({ status: Type.Literal('alive') }, { additionalProperties: false });
export const ready = Type.Object({ status: Type.Literal('ready') }, { additionalProperties: false });

/** A page of a list. `nextCursor` is null at the end. */
export function pageOf<Item extends TSchema>(item: Item) {
  return Type.Object(
    {
      items: Type.Array(item),
      nextCursor: nullable(Type.String({ description: 'The next `cursor`; null at the end.' })),
    },
    { additionalProperties: false },
  );
}
export const stationPage = pageOf(station);
export type StationPage = Static<typeof stationPage>;
export const framePage = pageOf(frame);
export type FramePage = Static<typeof framePage>;
export const auditPage = pageOf(auditEntry);
export const backendPage = pageOf(backend);
export type BackendPage = Static<typeof backendPage>;

export const limit = Type.Integer({ minimum: 1, maximum: listLimitMax, default: listLimitDefault });
export const cursor = Type.String({
  description: '`nextCursor` of the page before.',
  minLength: 1,
  maxLength: 200,
});
export const nameBounds = { minLength: 1, maxLength: 200 } as const;
export const name = Type.String(nameBounds);
export const stationId = Type.String({ minLength: 1, maxLength: 48, description: 'A station’s identity.' });

export const stationQuery = Type.Object(
  {
    connected: Type.Optional(Type.Boolean()),
    backend: Type.Optional(
      Type.String({
        ...nameBounds,
        description: 'Stations that this backend has to do with, in any role.',
      }),
    ),
    group: Type.Optional(name),
    vendor: Type.Optional(
      Type.String({ ...nameBounds, description: 'Exact, or with `*` for any run of characters.' }),
    ),
    q: Type.Optional(
      Type.String({
        ...nameBounds,
        description: 'A part of the identity, vendor, model, firmware, site or a tag; case does not matter.',
      }),
    ),
    cursor: Type.Optional(cursor),
    limit: Type.Optional(limit),
  },
  { additionalProperties: false },
);
export type StationQuery = Static<typeof stationQuery>;

export const frameQuery = Type.Object(
  {
    from: Type.Optional(Type.String({ format: 'date-time', description: 'Not before this time.' })),
    to: Type.Optional(Type.String({ format: 'date-time', description: 'Before this time.' })),
    action: Type.Optional(name),
    cursor: Type.Optional(cursor),
    order: Type.Optional(oneOf(['asc', 'desc'], { default: 'asc', description: 'asc: oldest first.' })),
    limit: Type.Optional(limit),
  },
  { additionalProperties: false },
);
export type FrameListQuery = Static<typeof frameQuery>;

export const streamQuery = Type.Object(
  {
    station: Type.Optional(stationId),
    after: Type.Optional(
      Type.String({
        maxLength: 40,
        description:
          'Continue after this stream id; `0` starts at the oldest frame kept. Absent: from now on.',
      }),
    ),
  },
  { additionalProperties: false },
);

export const noQuery = Type.Object({}, { additionalProperties: false });
export const stationParams = Type.Object({ id: stationId }, { additionalProperties: false });
export const backendParams = Type.Object({ name }, { additionalProperties: false });

export const commandBody = Type.Object(
  {
    action: Type.String({
      pattern: '^[A-Za-z][A-Za-z0-9]{0,63}$',
      description: 'The OCPP action, such as Reset, in the version that the station speaks.',
    }),
    payload: Type.Optional(
      Type.Object({}, { additionalProperties: true, description: 'Its payload; without it `{}`.' }),
    ),
    reason: Type.Optional(reason),
  },
  { additionalProperties: false },
);
export type CommandBody = Static<typeof commandBody>;

export const duration = (description: string) =>
  Type.String({
    pattern: '^\\d{1,15}(ms|s|min|h|d)$',
    description: `${description} Such as 500ms, 30s, 5min, 2h or 14d.`,
  });

export const reasonBody = Type.Object({ reason }, { additionalProperties: false });
export type ReasonBody = Static<typeof reasonBody>;

export const optionalReasonBody = Type.Object(
  { reason: Type.Optional(reason) },
  { additionalProperties: false },
);
export type OptionalReasonBody = Static<typeof optionalReasonBody>;

export const auditQuery = Type.Object(
  { cursor: Type.Optional(cursor), limit: Type.Optional(limit) },
  { additionalProperties: false },
);
export type AuditQuery = Static<typeof auditQuery>;
