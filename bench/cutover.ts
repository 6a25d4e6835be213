/**
 * What it takes to cut over stations whose next backend knows them already, all in one wave, and to take them back in one command.
 *
 *     node bench/cutover.ts [--stations 5000] [--rounds 3]
 *
 * Idle stations that have said their boot; the other backend has listened in and is told of them. Times are from the decision to the last station, as the API shows it; stalls are of the
 * gateway's event loop.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { createClient, type Client } from '../src/api/client.ts';
import type { Migration } from '../src/api/migration-schemas.ts';
import { readOptions, report, type Figure } from './rig/report.ts';
import { requireSockets, startRig, type Rig } from './rig/rig.ts';

/** For 1,000 stations: what an operator may wait for. */
const rollbackBoundS = 60;
const stallBoundMs = 250;
const bench = 'cutover';
const pollMs = 20;
const warmMs = 120_000;

const { stations, rounds, figures: file } = readOptions({ stations: 5_000, seconds: 1, rounds: 3 });
await requireSockets((stations * 3) / 2);
const there: Timed[] = [];
const back: Timed[] = [];
for (let round = 0; round < rounds; round += 1) {
  const rig = await startRig({ subject: 'gateway', observers: 1 });
  await rig.connect(stations, 50);
  const client = createClient({ url: rig.adminUrl, token: null, timeoutMs: 60_000, reconnectMs: 0 });
  await untilWarm(client);
  orThrow(await client.createMigration(plan(round), null));
  there.push(await timed(rig, client, round, 'start', (moved) => moved === stations));
  back.push(await timed(rig, client, round, 'rollback', (moved) => moved === 0));
  await rig.stop();
}
const thousands = stations / 1_000;
const figures: Figure[] = [
  figureOf(`${stations} warm stations are moved`, 's', there, ({ ms }) => ms / 1_000, null),
  figureOf('longest stall meanwhile', 'ms', there, ({ stallMs }) => stallMs, stallBoundMs),
  figureOf('they are taken back', 's', back, ({ ms }) => ms / 1_000, null),
  figureOf('1,000 of them', 's', back, ({ ms }) => ms / 1_000 / thousands, rollbackBoundS),
  figureOf('longest stall meanwhile, back', 'ms', back, ({ stallMs }) => stallMs, stallBoundMs),
];
await report(figures, file);

interface Timed {
  readonly ms: number;
  readonly stallMs: number;
}

function figureOf(
  name: string,
  unit: string,
  of: readonly Timed[],
  value: (one: Timed) => number,
  bound: number | null,
): Figure {
  return { bench, name, unit, rounds: of.map(value), bound };
}

function plan(round: number): object {
  return {
    name: `round-${round}`,
    from: 'only',
    to: 'ear-1',
    waves: [{ name: 'all', stations: ['*'] }],
    soak: '0s',
  };
}

/** Makes the decision, and waits until it has come to every station. */
async function timed(
  rig: Rig,
  client: Client,
  round: number,
  verb: 'start' | 'rollback',
  isOver: (moved: number) => boolean,
): Promise<Timed> {
  await rig.probe('watch');
  const beganMs = performance.now();
  orThrow(await client.decideMigration(`round-${round}`, verb, 'a bench'));
  for (;;) {
    if (isOver(movedIn(orThrow(await client.migration(`round-${round}`))))) break;
    await sleep(pollMs);
  }
  const ms = performance.now() - beganMs;
  return { ms, stallMs: (await rig.probe('sample')).stallMs };
}

function movedIn({ waves }: Migration): number {
  return waves.reduce((sum, { tally }) => sum + tally.moved + tally.verified, 0);
}

/** The other backend knows every station. */
async function untilWarm(client: Client): Promise<void> {
  const deadlineMs = performance.now() + warmMs;
  for (;;) {
    let known = 0;
    let cursor: string | null = null;
    do {
      const page: Awaited<ReturnType<Client['stations']>> = await client.stations({
        limit: 1_000,
        ...(cursor === null ? {} : { cursor }),
      });
      const { items, nextCursor } = orThrow(page);
      known += items.filter(({ backends }) =>
        backends.some(({ role, state }) => role === 'observer' && state === 'synced'),
      ).length;
      cursor = nextCursor;
    } while (cursor !== null);
    if (known === stations) return;
    if (performance.now() > deadlineMs) throw new Error(`${known} of ${stations} stations are known`);
    await sleep(500);
  }
}

function orThrow<Value>(
  answer: { readonly ok: true; readonly value: Value } | { readonly ok: false; readonly fault: unknown },
): Value {
  if (!answer.ok) throw new Error(JSON.stringify(answer.fault));
  return answer.value;
}
