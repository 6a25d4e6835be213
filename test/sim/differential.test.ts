/** S4: who listens in changes no byte that a station or its primary sees. The same seeded life with nobody, one and three listening, one of them hostile, and the three of them decided anew each minute. */
import { rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { createGateway } from '../../src/runtime/gateway.ts';
import { misbehaviours, type BackendOptions } from '../../src/testkit/backend-life.ts';
import { textsOf, type Ledger } from '../../src/testkit/ledger.ts';
import { ocppVersions, type OcppVersion } from '../../src/protocol/version.ts';
import { uneventful, type Plan } from '../../src/testkit/world/plan.ts';
import { runWorld } from '../../src/testkit/world/world.ts';
import { breakGateway } from './sabotage.ts';
import { hourMs } from './seeds.ts';

const lifeMs = hourMs / 2;
const seeds = Array.from({ length: 20 }, (_, at) => at + 1);

/** Nothing goes wrong but what listeners do, and a commit takes no time: what differs then is their doing. */
function calm(version: OcppVersion, listening: number): (plan: Plan) => Plan {
  return (plan) => {
    const [primary] = plan.backends.map((backend) => ({ ...backend, misbehave: {} }));
    if (primary === undefined) throw new Error('every plan has a backend');
    return {
      ...plan,
      ...uneventful,
      backends: [primary],
      stations: plan.stations.map((station) => ({
        ...station,
        offers: [version],
        powerCutEveryMs: Infinity,
      })),
      listeners: Array.from({ length: listening }, (_, at) => ({
        options: listener(primary, at),
        getsAll: at !== 1,
        mayAsk: false,
      })),
      // A station that is slowed down is read again when the machine looks at its clock.
      station: { ...plan.station, callsPerSecond: Infinity },
      // Pings fall where the machine looks at its clock, so the network must not draw for them.
      latencyMs: [5, 5],
      commitMs: [0, 0],
      // Two deadlines that are close together would be met at times that depend on the first.
      wheelSlotMs: 0.001,
      split: [],
      routesByVendor: false,
      covers: false,
      // Whoever listens in comes and goes while the station lives.
      observeEveryMs: listening === 3 ? hourMs / 60 : Infinity,
    };
  };
}

function listener(like: BackendOptions, at: number): BackendOptions {
  const hostile = {
    misbehave: Object.fromEntries(misbehaviours.map((kind) => [kind, 0.2])),
    commandEveryMs: 5_000,
    floodCommands: 20,
    bootsRefused: 0.5,
  };
  return { ...like, name: `ear-${at + 1}`, ...(at === 0 ? hostile : {}) };
}

/** What every station and the primary received, in order, to the byte. */
function seenIn(
  seed: number,
  version: OcppVersion,
  listening: number,
  create = createGateway,
): Record<string, string[]> {
  const { evidence, violations } = runWorld({
    seed,
    createGateway: create,
    durationMs: lifeMs,
    traceMax: 0,
    alter: calm(version, listening),
  });
  expect(violations).toEqual([]);
  const seen: Record<string, string[]> = {};
  for (const [station, ledger] of evidence.stations) seen[station] = heardBefore(ledger);
  for (const [station, ledger] of evidence.backends.get('old') ?? [])
    seen[`old ${station}`] = heardBefore(ledger);
  return seen;
}

/** Until the world winds down: then everything a station still has to say is due in one and the same instant, and who comes first is a toss. */
function heardBefore(ledger: Ledger): string[] {
  return textsOf(ledger, 'received').flatMap(({ text, atMs }) => (atMs < lifeMs ? [text] : []));
}

describe.each(ocppVersions)('%s', (version) => {
  test('listeners change no byte that the others see', () => {
    let texts = 0;
    for (const seed of seeds) {
      const alone = seenIn(seed, version, 0);
      texts += Object.values(alone).flat().length;
      expect(seenIn(seed, version, 1), `seed ${seed}, one listener`).toEqual(alone);
      expect(seenIn(seed, version, 3), `seed ${seed}, three listeners`).toEqual(alone);
    }
    expect(texts).toBeGreaterThan(2_000);
  }, 120_000);
});

test('the comparison sees a listener whose messages take the numbers of others', async () => {
  const url = await breakGateway({
    name: 'copies count with the rest',
    rule: 'S4',
    file: 'core/station/copies.ts',
    from: 'messageId: nextOwnId(state),',
    to: 'messageId: `${state.idPrefix}${(state.idCount += 1).toString(36)}`,',
  });
  try {
    const broken = (await import(url)) as { createGateway: typeof createGateway };
    const differing = seeds.filter((seed) => {
      const [alone, heard] = [0, 1].map((listening) =>
        seenIn(seed, 'ocpp1.6', listening, broken.createGateway),
      );
      return JSON.stringify(alone) !== JSON.stringify(heard);
    });
    expect(differing.length).toBeGreaterThan(0);
  } finally {
    await rm(join(dirname(fileURLToPath(url)), '../..'), { recursive: true });
  }
}, 60_000);
