import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { measures, type Gate, type MigrationPlan, type WaveSelection } from '../../core/migration/plan.ts';
import { formatProblem } from '../configuration/problem.ts';
import { readPlan, readPlanFile } from './read-plan.ts';
import { writePlan } from './write-plan.ts';

/** The plan of a file, or the lines that say what is wrong with it. */
async function read(text: string, env = {}): Promise<MigrationPlan | readonly string[]> {
  const folder = await mkdtemp(join(tmpdir(), 'busbar-plan-'));
  const file = join(folder, 'plan.yaml');
  await writeFile(file, text);
  const plan = await readPlanFile(file, env);
  await rm(folder, { recursive: true });
  return plan.ok
    ? plan.value.plan
    : plan.fault.map((problem) => formatProblem(problem).replace(`${folder}/`, ''));
}

test('a plan is read with every key', async () => {
  const text = `
name: leave-old
from: old
to: \${TO}
waves:
  - { name: canary, stations: [CP-1, "CP-7*"], soak: 30min }
  - { name: pilot, group: berlin, limit: 40, at: 2026-12-01T02:00+01:00, pace: 20/min }
  - { name: tagged, tag: pilot, pace: unlimited }
  - { name: sited, site: berlin-1 }
openTransactions: wait
waitUpTo: 2h
giveUpAfter: 10min
gates:
  - { measure: boots.accepted, atLeast: 100% }
  - { measure: calls.errorRate, atMost: 0.5%, worseThanBefore: 0.2% }
  - { measure: transactions.undelivered, atMost: 0, for: 15min, rollback: true, whenNoData: pass }
  - { measure: answers.p95, atMost: 500ms }
  - { measure: links.drops, atMost: 0.5 }
soak: 24h
approve: true
keepOldWarm: 14d
also: { clearCache: true, configuration: [{ key: HeartbeatInterval, value: "300" }, { component: C, key: K, value: V }], displayMessages: clear, tariffs: clear }
`;
  expect(await read(text, { TO: 'new' })).toEqual({
    name: 'leave-old',
    from: 'old',
    to: 'new',
    waves: [
      {
        name: 'canary',
        take: { by: 'stations', patterns: ['CP-1', 'CP-7*'] },
        limit: null,
        atMs: null,
        perMinute: null,
        soakMs: 1_800_000,
      },
      {
        name: 'pilot',
        take: { by: 'group', group: 'berlin' },
        limit: 40,
        atMs: Date.parse('2026-12-01T01:00:00Z'),
        perMinute: 20,
        soakMs: null,
      },
      {
        name: 'tagged',
        take: { by: 'tag', tag: 'pilot' },
        limit: null,
        atMs: null,
        perMinute: null,
        soakMs: null,
      },
      {
        name: 'sited',
        take: { by: 'site', site: 'berlin-1' },
        limit: null,
        atMs: null,
        perMinute: null,
        soakMs: null,
      },
    ],
    openTransactions: 'wait',
    waitUpToMs: 7_200_000,
    giveUpAfterMs: 600_000,
    gates: [
      gateOf('boots.accepted', { atLeast: 1 }),
      gateOf('calls.errorRate', { atMost: 0.005, worseThanBefore: 0.002 }),
      gateOf('transactions.undelivered', { atMost: 0, forMs: 900_000, rollback: true, whenNoData: 'pass' }),
      gateOf('answers.p95', { atMost: 500 }),
      gateOf('links.drops', { atMost: 0.5 }),
    ],
    soakMs: 86_400_000,
    approve: true,
    keepOldWarmMs: 14 * 86_400_000,
    also: {
      clearCache: true,
      configuration: [
        { component: null, key: 'HeartbeatInterval', value: '300' },
        { component: 'C', key: 'K', value: 'V' },
      ],
      asked: 'ignore',
      localList: 'keep',
      profiles: 'keep',
      displayMessages: 'clear',
      tariffs: 'clear',
    },
  });
});

function gateOf(measure: string, given: Partial<Gate>): Gate {
  return {
    measure,
    atLeast: null,
    atMost: null,
    worseThanBefore: null,
    forMs: 0,
    rollback: false,
    whenNoData: 'hold',
    ...given,
  };
}

const sound = 'name: n\nfrom: a\nto: b\nwaves: [{ name: w, stations: ["*"] }]\n';

describe('what is wrong is said with its line, its key, why and what to do:', () => {
  test.each([
    [
      'nothing at all',
      '',
      [
        'plan.yaml:1: name: is missing; add it: What it is called; unique among the migrations that are not over',
      ],
    ],
    [
      'an unknown key',
      `${sound}gate: []\n`,
      ['plan.yaml:5: gate: there is no such key here; did you mean gates?'],
    ],
    [
      'no wave',
      'name: n\nfrom: a\nto: b\nwaves: []\n',
      ['plan.yaml:4: waves: is an empty list; name at least one, or remove the key'],
    ],
    [
      'a wave of nobody',
      'name: n\nfrom: a\nto: b\nwaves: [{ name: w }]\n',
      ['plan.yaml:4: waves[0]: takes no stations; add one of stations, group, tag, site'],
    ],
    [
      'a wave by two things',
      'name: n\nfrom: a\nto: b\nwaves: [{ name: w, group: g, site: s }]\n',
      [
        'plan.yaml:4: waves[0].site: stands beside group, and a wave takes its stations by one of them; keep one, or make two waves',
      ],
    ],
    [
      'a time without an offset',
      'name: n\nfrom: a\nto: b\nwaves: [{ name: w, group: g, at: 2026-12-01T02:00 }]\n',
      [
        'plan.yaml:4: waves[0].at: must be a time with its offset from UTC, not "2026-12-01T02:00"; write it as 2026-12-01T02:00+01:00',
      ],
    ],
    [
      'a day that no calendar has',
      'name: n\nfrom: a\nto: b\nwaves: [{ name: w, group: g, at: 2026-11-31T02:00+01:00 }]\n',
      [
        'plan.yaml:4: waves[0].at: is on a day that its month has not, "2026-11-31T02:00+01:00"; the wave would start on another one',
      ],
    ],
    [
      'values that are not to be seen, or were not',
      `${sound}also: { configuration: [{ key: K, value: 'ftp://u:p@files' }, { key: L, value: 'ftp://***@files' }] }\n`,
      [
        'plan.yaml:5: also.configuration[0].value: holds the login of an address, and would stand in the evidence and the report; set it with `busbar station command`',
        'plan.yaml:5: also.configuration[1].value: holds ***, which stands where something that gives access was left out; write the value itself',
      ],
    ],
    [
      'a measure that is none',
      `${sound}gates: [{ measure: boots.acepted, atLeast: 100% }]\n`,
      [
        'plan.yaml:5: gates[0].measure: must be one of boots.accepted, calls.errorRate, authorisations.accepted, transactions.undelivered, answers.p95, links.drops, not "boots.acepted"; did you mean boots.accepted?',
      ],
    ],
    [
      'a gate without a limit',
      `${sound}gates: [{ measure: boots.accepted }]\n`,
      ['plan.yaml:5: gates[0]: has no limit; add atLeast, atMost or worseThanBefore'],
    ],
    [
      'a share without its sign',
      `${sound}gates: [{ measure: boots.accepted, atLeast: 100 }]\n`,
      [
        'plan.yaml:5: gates[0].atLeast: must be a share such as 99.5%, from 0% to 100%, not 100; so boots.accepted is measured',
      ],
    ],
    [
      'a share above one',
      `${sound}gates: [{ measure: calls.errorRate, atMost: 101% }]\n`,
      [
        'plan.yaml:5: gates[0].atMost: must be a share such as 99.5%, from 0% to 100%, not "101%"; so calls.errorRate is measured',
      ],
    ],
    [
      'a part of a message',
      `${sound}gates: [{ measure: transactions.undelivered, atMost: 0.5 }]\n`,
      [
        'plan.yaml:5: gates[0].atMost: must be a whole number such as 0, not 0.5; so transactions.undelivered is measured',
      ],
    ],
    [
      'a duration without a unit',
      `${sound}soak: 24\n`,
      [
        'plan.yaml:5: soak: must be a duration such as 500ms, 30s, 5min, 2h or 30d, not the number 24; write it so',
      ],
    ],
    [
      'a list that is none',
      `${sound}gates: {}\n`,
      ['plan.yaml:5: gates: must be a list, not a map; write it so'],
    ],
  ])('%s', async (_title, text, problems) => {
    const found = await read(text);
    expect(Array.isArray(found) ? found.slice(0, problems.length) : found).toEqual(problems);
  });
});

test('a plan that came as JSON is named by where it came from', () => {
  const plan = readPlan({ name: 'n', from: 'a', to: 'b', waves: [{ name: 'w', group: 1 }] }, 'body');
  expect(plan.ok ? [] : plan.fault.map(formatProblem)).toContain(
    'body: waves[0].group: must be text, not the number 1; put it in quotes',
  );
});

test('what is written of a plan is read back to the same', () => {
  const name = fc
    .stringMatching(/^[ -~]*[!-~][ -~]*$/)
    .filter((text) => text.length <= 100 && text !== '.' && text !== '..');
  const key = fc.constantFrom('HeartbeatInterval', 'MeterValueSampleInterval', '__proto__');
  const durationMs = fc.oneof(
    fc.nat({ max: 10_000 }),
    fc.nat({ max: 1_000 }).map((minutes) => minutes * 60_000),
  );
  const take: fc.Arbitrary<WaveSelection> = fc.oneof(
    fc.uniqueArray(name, { minLength: 1 }).map((patterns) => ({ by: 'stations' as const, patterns })),
    name.map((group) => ({ by: 'group' as const, group })),
    name.map((tag) => ({ by: 'tag' as const, tag })),
    name.map((site) => ({ by: 'site' as const, site })),
  );
  const wave = fc.record({
    name,
    take,
    limit: fc.option(fc.integer({ min: 1, max: 100_000 })),
    atMs: fc.option(fc.nat({ max: 4_000_000_000_000 })),
    perMinute: fc.option(fc.integer({ min: 1, max: 10_000 })),
    soakMs: fc.option(durationMs),
  });
  const gate = fc.constantFrom(...measures).chain((measure) => {
    const figure =
      measure === 'transactions.undelivered' || measure === 'answers.p95'
        ? fc.nat({ max: 100_000 })
        : fc.nat({ max: 100_000 }).map((parts) => Number((parts / 100_000).toFixed(6)));
    return fc.record({
      measure: fc.constant(measure),
      atLeast: fc.option(figure),
      atMost: figure,
      worseThanBefore: fc.option(figure),
      forMs: durationMs,
      rollback: fc.boolean(),
      whenNoData: fc.constantFrom('hold' as const, 'pass' as const),
    });
  });
  const plan: fc.Arbitrary<MigrationPlan> = fc.record({
    name,
    from: name,
    to: name,
    waves: fc.array(wave, { minLength: 1, maxLength: 4 }),
    openTransactions: fc.constantFrom('pin' as const, 'wait' as const, 'handover' as const),
    waitUpToMs: durationMs,
    giveUpAfterMs: durationMs,
    gates: fc.array(gate, { maxLength: 4 }),
    soakMs: durationMs,
    approve: fc.boolean(),
    keepOldWarmMs: durationMs,
    also: fc.record({
      clearCache: fc.boolean(),
      configuration: fc.array(fc.record({ component: fc.option(name), key, value: name }), {
        maxLength: 3,
      }),
      asked: fc.constantFrom('ignore' as const, 'apply' as const),
      localList: fc.constantFrom('keep' as const, 'clear' as const),
      profiles: fc.constantFrom('keep' as const, 'clear' as const),
      displayMessages: fc.constantFrom('keep' as const, 'clear' as const),
      tariffs: fc.constantFrom('keep' as const, 'clear' as const),
    }),
  });
  fc.assert(
    fc.property(plan, (given) => {
      const again = readPlan(JSON.parse(JSON.stringify(writePlan(given))), 'body');
      expect(again.ok ? again.value.plan : again.fault.map(formatProblem)).toEqual(given);
    }),
  );
});

test('whatever comes as JSON is a plan, or said to be none', () => {
  const value = fc.jsonValue({ maxDepth: 3 });
  const entry = (...keys: readonly string[]) =>
    fc.oneof(
      fc.dictionary(fc.constantFrom(...keys), fc.oneof(value, fc.constantFrom('5s', '1/min', '10%', 0))),
      value,
    );
  const wave = entry('name', 'stations', 'group', 'tag', 'site', 'limit', 'at', 'pace', 'soak');
  const gate = entry('measure', 'atLeast', 'atMost', 'worseThanBefore', 'for', 'rollback', 'whenNoData');
  const setting = entry('component', 'key', 'value');
  const plan = fc.record(
    {
      name: value,
      from: value,
      to: value,
      waves: fc.oneof(fc.array(wave), value),
      gates: fc.oneof(fc.array(gate), value),
      also: fc.oneof(fc.record({ configuration: fc.array(setting), clearCache: value }), value),
      soak: value,
      openTransactions: value,
      other: value,
    },
    { requiredKeys: [] },
  );
  fc.assert(
    fc.property(fc.oneof(plan, value), (given) => {
      const taken = readPlan(structuredClone(given), 'body');
      if (!taken.ok) expect(taken.fault.map(formatProblem).join('\n')).toMatch(/^body: ./);
    }),
    { numRuns: 2_000 },
  );
});
