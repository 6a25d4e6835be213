/**
 * The fleet of "old" is moved to "new" while it charges: three waves, one of which is taken back by its gate, one by an operator, and all of which get there.
 *
 * Shell. Decided over the API, as an operator would; what is said of stations and transactions is told by the ledgers.
 */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Client } from '../api/client.ts';
import type { Migration } from '../api/migration-schemas.ts';
import type { MigrationReport } from '../core/migration/report.ts';
import { accountOfMove, driversRefused, type Move, type MoveAccount } from './demo-moves.ts';
import { answered, ledgersByBackend, ledgersOf, type DemoWorld } from './demo-world.ts';

/** What was shown, for the verdict. */
export interface MigrationShown {
  /** Oldest first. */
  readonly moves: readonly Move[];
  /** Where the report lies, Markdown and HTML. */
  readonly reportFiles: readonly string[];
  /** It went as it was to be shown: through, and back where it was to go back. */
  readonly isDone: boolean;
}

const name = 'leave-old';
const from = 'old';
const to = 'new';
/** Between two looks at what is waited for. */
const lookMs = 50;
/** How long a wave is left where it is before an operator takes it back. */
const watchMs = 1_000;
/** How long a wave may take: it moves within seconds, and is watched for seconds, on a machine that has the time. */
const waveTimeoutMs = 120_000;
/** Of every five calls about one is a driver's, so that a backend that fails at drivers is far beyond it. */
const errorsAtMost = '5%';

export async function showMigration(
  world: DemoWorld,
  folder: string,
  say: (line: string) => void,
): Promise<MigrationShown> {
  const show = new Show(world, say);
  const { waves, canaries } = await show.create();
  say('');
  say(
    `Now the ${world.stationsOf(from).length} stations of "${from}" are moved to "${to}", by a migration of three waves. One station of each model goes first, as the plan proposes: ${canaries.join(', ')}.`,
  );
  await show.decide('start', 'the contract with old ends');

  const canary = await show.move(waves.canary, to, 'plan');
  const next = world.backends.get(to);
  // Before any of them asks it about a driver.
  for (const station of waves.pilot.stations)
    next?.misbehave(station, { shares: { error: 1 }, actions: new Set(['Authorize']) });
  await show.passed('canary');
  show.tell(canary);

  say(
    `The second wave moves, and "${to}" begins to fail: it answers every driver of these stations with an error.`,
  );
  const pilot = await show.move(waves.pilot, to, 'plan');
  await show.goBack(pilot, from);

  for (const station of waves.pilot.stations) next?.misbehave(station, null);
  say(`"${to}" is mended, and the wave started again.`);
  await show.decide('waves/pilot/start', 'new is mended');
  const again = await show.move(waves.pilot, to, 'plan');
  await show.passed('pilot');
  show.tell(again);

  const first = await show.move(waves.rest, to, 'plan');
  await show.watch(watchMs);
  show.tell(first);
  await show.takeBack(waves.rest);
  await show.decide('waves/rest/start', 'the drill is over');
  const rest = await show.move(waves.rest, to, 'plan');
  const { state } = await show.until('the migration is done', ({ state: at }) => at === 'done');
  show.tell(rest);
  const reportFiles = await show.report(folder);
  return { moves: show.moves, reportFiles, isDone: state === 'done' };
}

interface Wave {
  readonly name: string;
  readonly stations: readonly string[];
}

/** Where a station is. By the clock of the ledgers. */
interface Place {
  readonly primary: string | null;
  /** It was still elsewhere then. */
  readonly elsewhereAtMs: number;
  /** It was there by then. */
  readonly thereAtMs: number;
  /** When it was last asked for. */
  lookedAtMs: number;
}

class Show {
  readonly #world: DemoWorld;
  readonly #api: Client;
  readonly #say: (line: string) => void;
  readonly moves: Move[] = [];
  /** By station, as the API had it last. */
  readonly #places = new Map<string, Place>();

  constructor(world: DemoWorld, say: (line: string) => void) {
    this.#world = world;
    this.#api = world.api();
    this.#say = say;
  }

  async create(): Promise<{ waves: Record<'canary' | 'pilot' | 'rest', Wave>; canaries: readonly string[] }> {
    const head = { name, from, to };
    const everyone = { name: 'all', stations: ['O-*'] };
    const proposed = answered(await this.#api.previewMigration({ ...head, waves: [everyone] }));
    const canaries = proposed.canaries.map(({ station }) => station);
    const plan = {
      ...head,
      waves: [
        { name: 'canary', stations: canaries },
        { name: 'pilot', stations: ['O-*'], limit: 5 },
        // Long enough for an operator to have second thoughts.
        { name: 'rest', stations: ['O-*'], soak: '4s' },
      ],
      gates: [
        { measure: 'boots.accepted', atLeast: '100%' },
        { measure: 'calls.errorRate', atMost: errorsAtMost, rollback: true },
        { measure: 'transactions.undelivered', atMost: 0, for: '5s', rollback: true },
      ],
      soak: '2s',
      keepOldWarm: '1h',
    };
    const frozen = answered(await this.#api.previewMigration(plan));
    answered(await this.#api.createMigration(plan, 'the contract with old ends'));
    const waveOf = (wave: string): Wave => ({
      name: wave,
      stations: frozen.waves.find((one) => one.name === wave)?.stations ?? [],
    });
    return {
      waves: { canary: waveOf('canary'), pilot: waveOf('pilot'), rest: waveOf('rest') },
      canaries,
    };
  }

  async decide(verb: string, reason: string): Promise<void> {
    answered(await this.#api.decideMigration(name, verb, reason));
  }

  /** Waits until each station of a wave has this primary. */
  async move(wave: Wave, primary: string, by: Move['by']): Promise<Move> {
    const places = await this.#look(`wave ${wave.name} is at ${primary}`, () => {
      const all = wave.stations.flatMap((station) => this.#places.get(station) ?? []);
      const isThere = all.length === wave.stations.length && all.every((one) => one.primary === primary);
      return Promise.resolve(isThere ? all : null);
    });
    const move: Move = {
      wave: wave.name,
      from: primary === to ? from : to,
      to: primary,
      by,
      stations: wave.stations,
      beganAtMs: Math.min(...places.map(({ elsewhereAtMs }) => elsewhereAtMs)),
      endedAtMs: Math.max(...places.map(({ thereAtMs }) => thereAtMs)),
    };
    this.moves.push(move);
    return move;
  }

  async passed(wave: string): Promise<void> {
    await this.until(`wave ${wave} has passed`, ({ waves }) =>
      waves.some((one) => one.name === wave && one.state === 'passed'),
    );
  }

  /** Its gate takes a wave back. */
  async goBack({ wave, stations, endedAtMs }: Move, primary: string): Promise<void> {
    const back = await this.move({ name: wave, stations }, primary, 'gate');
    const { reason } = await this.until(
      `wave ${wave} is rolled back`,
      ({ state, waves }) =>
        state === 'paused' && waves.some((one) => one.name === wave && one.state === 'rolled-back'),
    );
    const ledgers = this.#world.backends.get(to)?.ledgers ?? new Map();
    const { asked, failed } = driversRefused(ledgers, stations, endedAtMs);
    const { linksLost, open } = this.#accountOf(back);
    this.#say(
      `"${to}" failed at ${failed} of ${asked} drivers. The gate turned red and the wave was taken back by itself, ${secondsText(back.endedAtMs - endedAtMs)} after it had moved: ${reason ?? ''}.`,
    );
    this.#say(
      `  ${stations.length} stations are at "${primary}" again, ${linksLost} links dropped, ${open} sessions running meanwhile. The migration is paused.`,
    );
  }

  /** An operator takes a wave back: one command. */
  async takeBack(wave: Wave): Promise<void> {
    const askedAtMs = performance.now();
    await this.decide(`waves/${wave.name}/rollback`, 'a drill: how fast are we back?');
    const back = await this.move(wave, from, 'operator');
    const { linksLost, open } = this.#accountOf(back);
    this.#say(
      `An operator takes that wave back, for a drill: busbar migration rollback ${name} --wave ${wave.name} --yes --reason …`,
    );
    this.#say(
      `  ${wave.stations.length} stations were at "${from}" again ${secondsText(back.endedAtMs - askedAtMs)} after the command, ${linksLost} links dropped, ${open} sessions running meanwhile. It is started again.`,
    );
    await this.until(`wave ${wave.name} is rolled back`, ({ waves }) =>
      waves.some((one) => one.name === wave.name && one.state === 'rolled-back'),
    );
  }

  async watch(ms: number): Promise<void> {
    const untilMs = performance.now() + ms;
    await this.#look('time passes', () => Promise.resolve(performance.now() >= untilMs ? true : null));
  }

  async until(what: string, isSo: (migration: Migration) => boolean): Promise<Migration> {
    return await this.#look(what, async () => {
      const migration = answered(await this.#api.migration(name));
      return isSo(migration) ? migration : null;
    });
  }

  /** What the ledgers have of a move so far. */
  tell(move: Move): void {
    const { stations, linksLost, open, kept, ended, begun, begunThere } = this.#accountOf(move);
    this.#say(
      `Wave ${move.wave}: ${stations} stations moved to "${move.to}" within ${secondsText(move.endedAtMs - move.beganAtMs)}, ${linksLost} links dropped.`,
    );
    this.#say(
      `  Of ${open} transactions that were open, ${kept} stay where they began (${ended} have ended there since); of ${begun} that began since, ${begunThere} are at "${move.to}".`,
    );
  }

  async report(folder: string): Promise<readonly string[]> {
    const report = JSON.parse(answered(await this.#api.migrationReport(name, 'json'))) as MigrationReport;
    for (const line of summaryOf(report)) this.#say(line);
    const files: string[] = [];
    for (const [format, suffix] of [
      ['markdown', 'md'],
      ['html', 'html'],
    ] as const) {
      const file = join(folder, `${name}.${suffix}`);
      await writeFile(file, answered(await this.#api.migrationReport(name, format)));
      files.push(file);
    }
    return files;
  }

  #accountOf(move: Move): MoveAccount {
    const stations = ledgersOf(this.#world.stations);
    return accountOfMove(move, stations, ledgersByBackend(this.#world), Infinity);
  }

  /** What `find` finds, as soon as it is there. Meanwhile no station's move is missed. */
  async #look<Found>(what: string, find: () => Promise<Found | null>): Promise<Found> {
    const deadlineMs = performance.now() + waveTimeoutMs;
    for (;;) {
      await this.#findPlaces();
      const found = await find();
      if (found !== null) return found;
      if (performance.now() > deadlineMs) throw new Error(`not so within ${waveTimeoutMs} ms: ${what}`);
      await this.#world.live(lookMs);
    }
  }

  async #findPlaces(): Promise<void> {
    const lookedAtMs = performance.now();
    const { items } = answered(await this.#api.stations({ limit: 100 }));
    const thereAtMs = performance.now();
    for (const { id, primary } of items) {
      const known = this.#places.get(id);
      if (known?.primary === primary) known.lookedAtMs = lookedAtMs;
      else {
        const elsewhereAtMs = known?.lookedAtMs ?? lookedAtMs;
        this.#places.set(id, { primary, elsewhereAtMs, thereAtMs, lookedAtMs });
      }
    }
  }
}

/** The report in short. */
function summaryOf(report: MigrationReport): string[] {
  const { tally, stations, waves, rollbacks, decisions, exceptions, evidence } = report;
  const there = tally.moved + tally.verified;
  return [
    `The migration is ${report.phase}, and its report says what there is to sign off:`,
    `  ${there} of ${stations} stations are at "${to}", ${tally.verified} of them verified; ${exceptions.length} exceptions, ${decisions.length} decisions, ${evidence.count} pieces of evidence, ${evidence.missing} missing`,
    ...waves.map(({ name: wave, phase, gates }) => {
      const shown = gates.map(
        ({ measure, state, timesRed }) =>
          `${measure} ${state}${timesRed === 0 ? '' : ` (was red ${timesRed === 1 ? 'once' : `${timesRed} times`})`}`,
      );
      return `  ${wave.padEnd(6)}  ${phase}: ${shown.join(', ')}`;
    }),
    ...rollbacks.map(({ wave, reason }) => `  ${wave ?? 'all'} went back: ${reason ?? ''}`),
  ];
}

function secondsText(ms: number): string {
  return ms < 1_000 ? `${Math.ceil(ms)} ms` : `${(ms / 1_000).toFixed(1)} s`;
}
