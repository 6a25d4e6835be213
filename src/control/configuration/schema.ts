/**
 * The configuration file: every key with its type, default, range and meaning.
 *
 * Pure. The one source for validation, for `busbar config schema` and for docs/reference/configuration.md. What is promised but not built stands in
 * not-built.ts instead, so that it is refused as such.
 */
import { Type, type Static } from 'typebox';
import { defaultReceived, messageClasses } from '../../protocol/message-class.ts';
import { ocppVersions } from '../../protocol/version.ts';
import {
  byName,
  choice,
  count,
  countOrUnlimited,
  flag,
  oneOrMany,
  quantity,
  secret,
  section,
  someOf,
  text,
  texts,
  wordOrNames,
} from './schema-parts.ts';

/** One known station: `stations.known`, and the whole of the file that `stations.knownFrom` names. */
export const knownStationsSchema = byName(
  'Stations by identity, with what is known of each.',
  section('A known station.', {
    password: Type.Optional(secret('The password it authenticates with (`auth: basic`).')),
    certificate: Type.Optional(
      section(
        'The client certificate it authenticates with (`auth: certificate`). Without this key its common name must be the identity.',
        {
          commonName: Type.Optional(
            text('Common name of its subject, such as the serial number.', {
              examples: ['SN-0001'],
            }),
          ),
        },
        { needs: ['commonName'] },
      ),
    ),
    tags: texts('Words that groups can ask for.', { default: [], examples: [['pilot']] }),
    site: Type.Optional(text('Where it stands, for people.', { examples: ['berlin-1'] })),
    identities: byName(
      'Backend name: the identity by which that backend knows the station.',
      text('An identity.'),
      {
        default: {},
        examples: [{ new: 'DE-CP-1' }],
      },
    ),
  }),
  { default: {}, examples: [{ 'CP-1': { password: { file: 'secrets/CP-1' }, tags: ['pilot'] } }] },
);

const stations = section(
  'The door for stations.',
  {
    listen: quantity(
      'address',
      'Where stations connect, as host:port: `ws://host:port/ocpp/<identity>`. Any path is taken; the identity is its last segment. Port 0 takes any free one.',
      { default: '127.0.0.1:9220' },
    ),
    tls: Type.Optional(
      section(
        'Serve TLS (1.2 and 1.3); without it plain WebSockets.',
        {
          cert: Type.Optional(
            oneOrMany(
              'PEM files with the certificate and its chain, one for each kind of key; RSA and ECDSA together serve every station.',
              'a path',
              ['server.pem', ['rsa.pem', 'ec.pem']],
            ),
          ),
          key: Type.Optional(
            oneOrMany('PEM files with the private keys, in the order of `cert`. Secret files.', 'a path', [
              'server.key',
              ['rsa.key', 'ec.key'],
            ]),
          ),
          clientCa: Type.Optional(
            oneOrMany('PEM files with the authorities whose client certificates are taken.', 'a path', [
              'ca.pem',
            ]),
          ),
        },
        { needs: ['cert', 'key'] },
      ),
    ),
    admit: choice('Who may connect: any identity, or only those that are known.', ['any', 'listed'], {
      default: 'any',
    }),
    hideUnknown: flag(
      'Answer an unknown identity with 401, as a wrong password, instead of 404: nobody can probe for identities.',
      false,
    ),
    auth: Type.Optional(
      choice(
        'How a station proves who it is: not at all, by HTTP Basic (security profile 1, with TLS 2), or by client certificate (profile 3). Must be written out unless `listen` is on loopback, where it is `none`.',
        ['none', 'basic', 'certificate'],
      ),
    ),
    known: knownStationsSchema,
    knownFrom: Type.Optional(
      text('A file that holds the same map as `known`; both together must not name a station twice.', {
        examples: ['stations.yaml'],
      }),
    ),
  },
  { default: {} },
);

const admin = section(
  'The door for operators: API, metrics, health.',
  {
    listen: quantity('address', 'Where operators connect, as host:port.', { default: '127.0.0.1:9221' }),
    tokens: Type.Array(
      section(
        'One access token.',
        {
          name: Type.Optional(text('Who it belongs to; stands in the audit.', { examples: ['grafana'] })),
          role: Type.Optional(choice('What it allows.', ['viewer', 'operator', 'admin'])),
          hash: Type.Optional(
            text('SHA-256 of the token, hexadecimal: `printf %s "$TOKEN" | sha256sum`.', {
              examples: ['9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08'],
            }),
          ),
        },
        { needs: ['name', 'role', 'hash'] },
      ),
      {
        description: 'Who may use the API. Empty: everyone who reaches it, so it must be on loopback.',
        default: [],
      },
    ),
  },
  { default: {} },
);

const backends = byName(
  'The backends, by a name of your choice. At least one.',
  section(
    'One backend (CSMS, Central System).',
    {
      url: Type.Optional(
        text(
          'Where it takes stations: ws or wss. `{station}` stands for the identity it knows the station by; without it the identity becomes the last segment of the path. What a query holds may be a secret, and is shown as `***` wherever the address is.',
          { examples: ['wss://csms.old.example/ocpp/{station}'] },
        ),
      ),
      identity: text(
        'The identity by which it knows a station; `{station}` stands for the station’s own. An entry in `known` wins.',
        { default: '{station}' },
      ),
      versions: Type.Array(Type.Enum([...ocppVersions]), {
        description: 'The OCPP versions it speaks.',
        default: [...ocppVersions],
        minItems: 1,
        uniqueItems: true,
      }),
      credentials: Type.Optional(
        section('How Busbar authenticates there: exactly one of these. Without it not at all.', {
          password: Type.Optional(
            secret(
              'HTTP Basic with the identity and this password. `{station}` in the path stands for the station’s own identity: one file for each. They are read with the configuration; a reload reads them again.',
            ),
          ),
          forward: Type.Optional(
            Type.Literal(true, {
              description:
                'Hand on the password that the station presented. Only the backend that owns the stations’ passwords may have this, so at most one does.',
            }),
          ),
        }),
      ),
      headers: byName(
        'Further HTTP headers of its connections. Values are printed as `***` where the name speaks of a secret.',
        text('A value.'),
        {
          default: {},
          examples: [{ 'X-Forwarded-Proto': 'https' }],
        },
      ),
      tls: Type.Optional(
        section('TLS towards it. Without `ca` the public authorities are trusted.', {
          ca: Type.Optional(
            oneOrMany('PEM files with the authorities to trust instead.', 'a path', ['old-ca.pem']),
          ),
          cert: Type.Optional(
            text('PEM file with Busbar’s client certificate.', { examples: ['busbar.pem'] }),
          ),
          key: Type.Optional(
            text('PEM file with its private key. A secret file.', { examples: ['busbar.key'] }),
          ),
        }),
      ),
      callTimeout: quantity('duration', 'How long its answer to a station’s call is waited for.', {
        default: '30s',
        least: '1s',
        most: '10min',
      }),
      redial: section(
        'How a lost or refused connection is dialled again: after a random time up to a bound that doubles with each failure.',
        {
          from: quantity('duration', 'First bound.', { default: '1s', least: '10ms', most: '1h' }),
          to: quantity('duration', 'Last bound.', { default: '60s', least: '10ms', most: '1h' }),
        },
        { default: {} },
      ),
      nonBilling: flag(
        'It bills nobody, neither drivers nor partners. Only then may it be given transactions and tokens as an observer: two backends that each bill the same session is what this keeps away.',
        false,
      ),
      connectRate: quantity('rate', 'Pace of attaching stations: n/s, n/min, n/h, or unlimited.', {
        default: 'unlimited',
      }),
      holdDown: quantity(
        'duration',
        'A backend that has come and gone three times in a row must have been there for so long before it is sent what was held for it.',
        { default: '30s', least: '0s', most: '1h' },
      ),
      drainRate: quantity(
        'rate',
        'The fastest that it is sent what was held for it, over all stations: n/s, n/min, n/h, or unlimited. Delivery starts at a tenth of it.',
        { default: '50/s' },
      ),
    },
    { needs: ['url'] },
  ),
  { default: {} },
);

const groups = byName(
  'Named sets of stations: every condition given must match. `*` in a pattern stands for any characters.',
  section('A group: at least one condition.', {
    stations: Type.Optional(
      oneOrMany('Patterns of identities; one of them must match.', 'a pattern', [['DE*BER*']]),
    ),
    vendor: Type.Optional(
      text('Pattern of the vendor, as the station’s BootNotification says it.', { examples: ['ABB'] }),
    ),
    model: Type.Optional(
      text('Pattern of the model, as the station’s BootNotification says it.', { examples: ['Terra*'] }),
    ),
    firmware: Type.Optional(
      text('Condition on the firmware version: `>=`, `>`, `<=`, `<` and a version, or a pattern.', {
        examples: ['>=1.8'],
      }),
    ),
    tags: Type.Optional(texts('Tags of `known`; the station must carry all.', { examples: [['pilot']] })),
  }),
  { default: {}, examples: [{ berlin: { stations: ['DE*BER*'], model: 'Terra*' } }] },
);

const observer = section(
  'A backend that listens in.',
  {
    backend: Type.Optional(text('Its name; not the primary’s.', { examples: ['new'] })),
    receives: someOf(
      'The classes of messages it gets. transactions and authorisation: only with `nonBilling: true` at the backend.',
      messageClasses,
      defaultReceived,
    ),
    commands: texts(
      'Actions that it may send to a station. None by default; those that could take the station away from its primary, such as SetNetworkProfile, not at all.',
      { default: [], examples: [['GetConfiguration']] },
    ),
  },
  { needs: ['backend'] },
);

/** What Busbar can answer without knowing anything, and nothing is lost by it. */
const locallyAnswered = ['Heartbeat', 'StatusNotification', 'MeterValues'] as const;

const routes = Type.Optional(
  Type.Array(
    section(
      'One route.',
      {
        group: Type.Optional(
          text('The group it is for. Exactly one of `group` and `stations` is given.', {
            examples: ['berlin'],
          }),
        ),
        stations: Type.Optional(
          oneOrMany('Patterns of the identities it is for.', 'a pattern', ['*', ['DE*', 'AT*']]),
        ),
        primary: Type.Optional(
          text('The backend that is the authority for these stations.', { examples: ['old'] }),
        ),
        actions: byName(
          'Action: another backend that is the authority for it, both for the station’s calls and for commands. Not for boots, transactions and meter values, which belong to the primary.',
          text('A backend.'),
          { default: {}, examples: [{ DataTransfer: 'vendor' }] },
        ),
        observers: Type.Array(observer, {
          description:
            'Backends that get copies of what these stations say. A station and its primary never notice: what an observer answers goes nowhere, transactions and security events are held for it until it has answered, and of the rest what is lost on the way to it is counted and not sent again.',
          default: [],
          examples: [[{ backend: 'new', receives: ['registration', 'liveness', 'state', 'meter'] }]],
        }),
        configurationKeys: byName(
          'Pattern of configuration keys (OCPP 1.6) or of variables as `Component.Variable` (OCPP 2.x), upper and lower case alike: the one backend that may write them, which is the primary, an observer or an authority of this route. The first that matches decides; keys that none matches are the primary’s. Keys a station’s connection hangs on, such as AuthorizationKey and SecurityProfile, are no backend’s and are never forwarded.',
          text('A backend.'),
          {
            default: {},
            examples: [{ 'Price*': 'tariffs', 'TariffCostCtrlr.*': 'tariffs' }],
          },
        ),
        whenDown: Type.Union(
          [
            Type.Literal('disconnect'),
            Type.Literal('cover'),
            section(
              'Covers for so long, or until so many messages of one station are held; then as `disconnect`.',
              {
                cover: Type.Union([Type.String({ minLength: 1 }), Type.Integer({ minimum: 1 })], {
                  description: 'A duration, or a number of held messages.',
                  expects: 'a duration such as 2h, or a number of held messages such as 5000',
                }),
                // oxlint-disable-next-line unicorn/no-thenable -- a key of the file, never awaited
                then: choice('What comes after.', ['disconnect'], { default: 'disconnect' }),
              },
              { needs: ['cover'] },
            ),
          ],
          {
            description:
              'What a station sees while its primary cannot be reached. disconnect: its link is closed and refused with 503, so that it queues its messages. cover: Busbar answers it, holds what the primary must still get, and delivers it in order once the primary is back.',
            default: 'disconnect',
            expects: 'disconnect, cover, or a map such as { cover: 2h, then: disconnect }',
            // oxlint-disable-next-line unicorn/no-thenable -- as above
            examples: ['cover', { cover: '2h', then: 'disconnect' }],
          },
        ),
        authorizeWhenDown: choice(
          'Whom Busbar lets charge while it covers. deny: nobody new. known: those whom the primary last accepted, until that runs out. all: everybody.',
          ['deny', 'known', 'all'],
          { default: 'known' },
        ),
        localAnswers: wordOrNames(
          'What Busbar answers itself while the primary is up. none: the primary answers everything. Heartbeat needs `clock: own`; MeterValues are those outside of a transaction.',
          'none',
          locallyAnswered,
        ),
        clock: choice(
          'Whose `currentTime` the station sees in the answers to BootNotification and Heartbeat. relay: that of its primary. own: Busbar’s.',
          ['relay', 'own'],
          { default: 'relay' },
        ),
      },
      { needs: ['primary'] },
    ),
    {
      description:
        'Which backend a station belongs to; the first route that matches wins. May be left out with exactly one backend, which then has every station.',
      examples: [
        [
          { group: 'berlin', primary: 'new' },
          { stations: '*', primary: 'old' },
        ],
      ],
    },
  ),
);

const stationSettings = section(
  'Times of stations’ links.',
  {
    answerWithin: quantity(
      'duration',
      'Where Busbar covers for a primary: how long a station’s call waits for the primary’s own answer.',
      { default: '8s', least: '1s', most: '10min' },
    ),
    callTimeout: quantity('duration', 'How long a station’s answer to a command is waited for.', {
      default: '30s',
      least: '1s',
      most: '10min',
    }),
    ping: quantity('duration', 'A link that was silent so long is pinged.', {
      default: '60s',
      least: '1s',
      most: '24h',
    }),
    pong: quantity(
      'duration',
      'A link that stays silent so long after each of two pings is cut; one of a station that answers no pings, from the second time on, after two of its heartbeats.',
      {
        default: '20s',
        least: '1s',
        most: '1h',
      },
    ),
  },
  { default: {} },
);

const limits = section(
  'Bounds of one link or one station, on by default. What goes beyond is refused and counted.',
  {
    stationFrame: quantity('size', 'Largest message from a station.', {
      default: '128KiB',
      least: '4KiB',
      most: '64MiB',
    }),
    backendFrame: quantity('size', 'Largest message from a backend.', {
      default: '1MiB',
      least: '4KiB',
      most: '64MiB',
    }),
    callsPerSecond: countOrUnlimited(
      'Messages of a station, each 4 KiB of a large one counted; above it reading from it is slowed, from a backend that answers it above four times as many, and from one that listens in above a quarter, its answers not counted.',
      20,
      100_000,
    ),
    connectsPerHour: countOrUnlimited(
      'Connections of a station; above it they are refused with 429.',
      60,
      1_000_000,
    ),
    heldPerStation: count(
      'Messages that may be held for one station while Busbar covers. At the bound Busbar answers no more for it: its link is closed, and it keeps its messages itself.',
      100_000,
      1,
      10_000_000,
    ),
    heldBytesPerStation: quantity('size', 'The same in size.', {
      default: '64MiB',
      least: '64KiB',
      most: '1GiB',
    }),
    heldBytes: quantity(
      'size',
      'The same over all stations, in memory and on disk: at it nobody more is covered, and stations keep their messages themselves. Copies for observers take half of it at the most.',
      { default: '256MiB', least: '1MiB', most: '16GiB' },
    ),
    fragments: count('Fragments of one message.', 64, 1, 100_000),
    messageTimeout: quantity('duration', 'Time for a message to be whole once its first byte came.', {
      default: '30s',
      least: '1s',
      most: '1h',
    }),
    controlFramesPerSecond: count('Pings, pongs and closes of one link.', 10, 1, 100_000),
    handshakes: count('Handshakes under way at a time; further ones wait.', 200, 1, 100_000),
    handshakeTimeout: quantity(
      'duration',
      'Time for a connection’s TLS handshake and the whole upgrade request; that of a dial too, until the backend has answered.',
      {
        default: '10s',
        least: '1s',
        most: '5min',
      },
    ),
    upgradeTimeout: quantity('duration', 'Time for an upgrade request that has arrived to be answered.', {
      default: '10s',
      least: '1s',
      most: '5min',
    }),
    headers: quantity('size', 'All headers of an upgrade request.', {
      default: '8KiB',
      least: '1KiB',
      most: '64KiB',
    }),
    closeTimeout: quantity('duration', 'Time for a peer to answer a close before its link is cut.', {
      default: '5s',
      least: '100ms',
      most: '5min',
    }),
    failuresPerMinute: count(
      'Failed attempts to authenticate, of one station from one address; above it they are refused with 429.',
      10,
      1,
      100_000,
    ),
    congested: quantity('size', 'Unsent bytes above which reading from the other side stops.', {
      default: '256KiB',
      least: '4KiB',
      most: '64MiB',
    }),
    buffered: quantity('size', 'Unsent bytes above which a link is cut.', {
      default: '1MiB',
      least: '8KiB',
      most: '256MiB',
    }),
  },
  { default: {} },
);

const retention = section(
  'How long the journal keeps frames; whichever bound is reached first counts.',
  {
    frames: quantity('duration', 'Age.', { default: '30d', least: '1min', most: '36500d' }),
    size: quantity('size', 'Size of the journal on disk.', {
      default: '20GiB',
      least: '16MiB',
      most: '1024TiB',
    }),
  },
  { default: {} },
);

const privacy = section(
  'What people get to see.',
  { tokensInLogs: choice('How drivers’ tokens stand in logs.', ['masked'], { default: 'masked' }) },
  { default: {} },
);

/** The file as a whole. Paths in it are relative to the folder it lies in. */
export const configurationSchema = section('The configuration of Busbar.', {
  stations,
  admin,
  storage: text('Where the journal lies: `sqlite:` and a path, or `sqlite::memory:`.', {
    default: 'sqlite:./data/busbar.db',
  }),
  retention,
  backends,
  groups,
  routes,
  stationSettings,
  limits,
  privacy,
});

/** A file that has been checked against the schema, with its defaults. */
export type Configuration = Static<typeof configurationSchema>;
export type KnownStationsEntry = Static<typeof knownStationsSchema>;
export type BackendEntry = Configuration['backends'][string];
export type RouteEntry = NonNullable<Configuration['routes']>[number];
export type GroupEntry = Configuration['groups'][string];
