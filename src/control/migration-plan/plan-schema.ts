/**
 * The plan of a migration as people write it, in YAML or JSON: every key with its type, default and meaning.
 *
 * Pure. The one source for validation, for the API's document and for the reference. What the words mean is in core/migration/plan.ts.
 */
import { Type, type Static } from 'typebox';
import { measures } from '../../core/migration/plan.ts';
import { choice, flag, quantity, section, text, texts } from '../configuration/schema-parts.ts';

const limitOf = (description: string) =>
  Type.Union([Type.Number({ minimum: 0 }), Type.String({ minLength: 1 })], {
    description,
    expects: 'a figure such as 99.5%, 0 or 500ms',
    examples: ['99.5%', 0],
  });

const wave = section(
  'A wave. It takes stations by exactly one of `stations`, `group`, `tag` and `site`; a station is in the first wave that takes it.',
  {
    name: text('What it is called in this plan; no number.', { examples: ['canary'] }),
    stations: Type.Optional(texts('Identities, or patterns with `*`.', { examples: [['CP-1', 'DE*BER*']] })),
    group: Type.Optional(text('A group of the configuration.', { examples: ['berlin'] })),
    tag: Type.Optional(text('Known stations with this tag.', { examples: ['pilot'] })),
    site: Type.Optional(text('Known stations at this site.', { examples: ['berlin-1'] })),
    limit: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: 100_000,
        description:
          'At most so many stations; a site that does not fit whole waits for a later wave. Without it all it takes.',
        examples: [40],
      }),
    ),
    at: Type.Optional(
      text('Not before this time, with its offset from UTC. Without it as soon as it is its turn.', {
        examples: ['2026-12-01T02:00+01:00'],
      }),
    ),
    pace: Type.Optional(
      quantity('rate', 'How many stations are cut over at most. Without it as many as can be.', {
        examples: ['20/min'],
      }),
    ),
    soak: Type.Optional(quantity('duration', 'How long it is watched; without it the plan’s `soak`.')),
  },
  { needs: ['name'] },
);

const gate = section(
  'What must hold of the stations of a wave, measured each second from its first move. Shares are in percent, answer times durations, everything else numbers.',
  {
    measure: choice(
      '`boots.accepted`: share of the stations whose last boot the new backend accepted. `calls.errorRate`: share of their calls that it answered with an error, or not at all. `authorisations.accepted`: share of the drivers it was asked about whom it let in. `transactions.undelivered`: messages that it has yet to get. `answers.p95`: 95 % of its answers took at most so long. `links.drops`: links that ended, for each station and hour; the first hour of each counts whole. The end of a backend’s link that follows its station’s is not another.',
      measures,
    ),
    atLeast: Type.Optional(limitOf('It may not be below this.')),
    atMost: Type.Optional(limitOf('It may not be above this.')),
    worseThanBefore: Type.Optional(
      limitOf('How much worse it may be than it was for the same stations at the old backend.'),
    ),
    for: quantity('duration', 'How long a limit may not hold before the gate is red.', { default: '0s' }),
    rollback: flag('Red undoes the wave before the migration pauses.', false),
    whenNoData: choice(
      'What becomes of a wave for which there was nothing to measure: the next one waits, or does not.',
      ['hold', 'pass'],
      { default: 'hold' },
    ),
  },
  { needs: ['measure'] },
);

const also = section(
  'What stations are sent because of their move; nothing that is not named here.',
  {
    clearCache: flag('Clear the verdicts on drivers that a station remembers of its old backend.', false),
    configuration: Type.Array(
      section(
        'A setting. It is read before and after; a rollback writes back what was read before.',
        {
          component: Type.Optional(
            text(
              'OCPP 2.x: the component; without it OCPP 1.6. Stations of the other kind are passed over.',
              {
                examples: ['OCPPCommCtrlr'],
              },
            ),
          ),
          key: text('OCPP 1.6: the key. OCPP 2.x: the variable.', { examples: ['HeartbeatInterval'] }),
          value: text('What it is set to, as text.', { examples: ['300'] }),
        },
        { needs: ['key', 'value'] },
      ),
      { description: 'Settings that are written one by one.', default: [] },
    ),
    asked: choice(
      'The settings that the new backend asked a station for while it was told of it, and might not write. apply: that station is sent them, the last 20 at most, each read before and after and put back by a rollback. What stands under `configuration` goes before; what connects the station, what Busbar owns and secrets are passed over.',
      ['ignore', 'apply'],
      { default: 'ignore' },
    ),
    localList: choice(
      'The list of drivers in the station. clear: an empty one takes its place, and each backend that asks is told that there is none.',
      ['keep', 'clear'],
      { default: 'keep' },
    ),
    profiles: choice(
      'The charging profiles in the station. clear: those that the old backend placed through Busbar and that Busbar knows whole are cleared by their numbers, and a rollback places the same again. What limits the connection of a station (ChargePointMaxProfile, ChargingStationMaxProfile, ChargingStationExternalConstraints), what belongs to a transaction and what was placed before Busbar stays; the report says so.',
      ['keep', 'clear'],
      { default: 'keep' },
    ),
    displayMessages: choice(
      'The messages on the display of a station of OCPP 2.x. clear: those that the old backend set through Busbar and that Busbar knows whole are cleared by their ids, and a rollback sets the same again. What belongs to a transaction and what was set before Busbar stays; the report says so.',
      ['keep', 'clear'],
      { default: 'keep' },
    ),
    tariffs: choice(
      'The default tariffs in a station of OCPP 2.1. clear: those that the old backend set through Busbar and that Busbar knows whole are cleared by their ids, and a rollback sets the same again. Tariffs of drivers and of transactions and what was set before Busbar stays; the report says so.',
      ['keep', 'clear'],
      { default: 'keep' },
    ),
  },
  { default: {} },
);

export const planSchema = section(
  'The plan of a migration.',
  {
    name: text('What it is called; unique among the migrations that are not over.', {
      examples: ['leave-old'],
    }),
    from: text('The backend that the stations leave.', { examples: ['old'] }),
    to: text('The backend that they move to.', { examples: ['new'] }),
    waves: Type.Array(wave, {
      description: 'Which stations move together, one wave after the other.',
      minItems: 1,
    }),
    openTransactions: choice(
      'pin: they finish at the old backend, new ones go to the new one. wait: a station moves when it is idle. handover: the new backend gets them with their start, which only some backends take.',
      ['pin', 'wait', 'handover'],
      { default: 'pin' },
    ),
    waitUpTo: quantity(
      'duration',
      'With `wait`: how long a station may take to become idle once it is its turn. After that it is excused, and stays where it is.',
      { default: '24h' },
    ),
    giveUpAfter: quantity(
      'duration',
      'How long a station may stay in the way of its wave for any other reason (away, not known to the new backend) once it is its turn. After that it is excused.',
      { default: '1h' },
    ),
    gates: Type.Array(gate, {
      description: 'A red one holds the next wave, and pauses the migration.',
      default: [],
    }),
    soak: quantity('duration', 'How long each wave is watched before the next one starts.', {
      default: '24h',
    }),
    approve: flag('The next wave waits for a person.', false),
    keepOldWarm: quantity('duration', 'How long a rollback finds the old backend ready.', { default: '14d' }),
    also,
  },
  { needs: ['name', 'from', 'to', 'waves'] },
);

export type PlanFile = Static<typeof planSchema>;
export type WaveEntry = PlanFile['waves'][number];
export type GateEntry = PlanFile['gates'][number];
