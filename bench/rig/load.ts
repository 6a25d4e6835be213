/**
 * A load process: many stations and their backend, told what to do over the IPC channel.
 *
 *     node bench/rig/load.ts [stations]
 *
 * With `stations` it is them alone; another load process is their backend.
 *
 * Not pure. One for each process under test, so that neither hears of the other's load.
 */
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import { startLoadBackend } from './load-backend.ts';
import type { BackendTold, Connected, Driven, LoadAnswer, LoadOrder } from './load-protocol.ts';
import { LoadStation, type Listener } from './load-stations.ts';
import type { Mix } from './messages.ts';

type Order<Name extends LoadOrder['order']> = Extract<LoadOrder, { order: Name }>;

/** How long what is outstanding may take when everything else is over. */
const settleMs = 30_000;
/** Connections begun in one turn of the event loop. */
const connectsPerTurn = 50;
const stations: LoadStation[] = [];
const backend = process.argv[2] === 'stations' ? null : await startLoadBackend();

process.on('message', (order: LoadOrder) => void obey(order));
process.once('disconnect', () => process.exit(0));
say({ backendPort: backend?.port ?? 0 });

async function obey(order: LoadOrder): Promise<void> {
  switch (order.order) {
    case 'connect':
      return say(await connect(order));
    case 'saturate':
      return say(await saturate(order));
    case 'pace':
      return say(await pace(order));
    case 'backend':
      return say(await tell(order));
  }
}

async function connect(order: Order<'connect'>): Promise<Connected> {
  const wanted = order.stations - stations.length;
  const startMs = performance.now();
  const refusals: string[] = [];
  let next = 0;
  const connectNext = async (): Promise<void> => {
    while (next < wanted) {
      next += 1;
      const station = new LoadStation(stations.length);
      stations.push(station);
      const refusal = await station.connect(order);
      if (refusal !== null) refusals.push(refusal);
    }
  };
  const connecting: Promise<void>[] = [];
  while (connecting.length < Math.min(wanted, order.inFlight ?? wanted)) {
    connecting.push(connectNext());
    // Stations are on their own: those that have begun answer while others begin. In one go this process would be deaf for seconds.
    if (connecting.length % connectsPerTurn === 0) await nextTurn();
  }
  await Promise.all(connecting);
  if (backend !== null)
    await until(
      'every backend link is up',
      () => backend.links >= (stations.length - refusals.length) * order.linksEach,
    );
  const ms = performance.now() - startMs;
  if (refusals.length === 0) await boot(stations.slice(stations.length - wanted));
  return { order: 'connect', ms, refused: refusals.length, firstRefusal: refusals[0] ?? null };
}

async function tell({ is }: Order<'backend'>): Promise<BackendTold> {
  if (is === 'down') await backend?.goDown();
  else if (is === 'up') await backend?.comeUp();
  return { order: 'backend', readings: backend?.readings ?? 0, links: backend?.links ?? 0 };
}

function boot(booting: readonly LoadStation[]): Promise<void> {
  return all(booting, 'the boots are answered', (station) => station.boot());
}

/** Meter values are of a transaction that whoever is told of them has seen the start of. */
async function startTransactions(mixes: readonly Mix[]): Promise<void> {
  if (mixes.includes('transaction'))
    await all(stations, 'every start is answered', (station) => station.start());
}

async function all(
  of: readonly LoadStation[],
  what: string,
  speak: (station: LoadStation) => void,
): Promise<void> {
  for (const [at, station] of of.entries()) {
    station.listener = null;
    speak(station);
    if (at % 100 === 99) await until(what, () => !station.isWaiting);
  }
  await until(what, () => of.every((station) => !station.isWaiting));
}

async function saturate({ mix, ms }: Order<'saturate'>): Promise<Driven> {
  await startTransactions([mix]);
  const startMs = performance.now();
  const run = { calls: 0, isOver: false };
  const listener: Listener = {
    onAnswered(station) {
      run.calls += 1;
      if (!run.isOver) station.sendNext(mix);
    },
  };
  for (const station of stations) {
    station.listener = listener;
    station.sendNext(mix);
  }
  await sleep(ms);
  run.isOver = true;
  await until('the last answer is there', () => stations.every((station) => !station.isWaiting));
  return {
    order: 'saturate',
    calls: run.calls,
    ms: performance.now() - startMs,
    roundTripsMs: [],
    skipped: 0,
  };
}

async function pace({ mixes, perSecond, ms }: Order<'pace'>): Promise<Driven> {
  await startTransactions(mixes);
  const roundTripsMs = mixes.map((): number[] => []);
  let calls = 0;
  const listener: Listener = {
    onAnswered(station, roundTripMs) {
      calls += 1;
      roundTripsMs[station.mixAt]?.push(roundTripMs);
    },
  };
  for (const station of stations) station.listener = listener;
  const startMs = performance.now();
  const total = Math.floor((ms / 1_000) * perSecond);
  let skipped = 0;
  for (let sent = 0; sent < total;) {
    const due = Math.min(total, Math.floor(((performance.now() - startMs) / 1_000) * perSecond));
    for (; sent < due; sent += 1) {
      // A stride that has no factor in common with the number of stations would do; going round is enough.
      const station = stations[sent % stations.length];
      const mixAt = Math.floor(sent / stations.length + sent) % mixes.length;
      const mix = mixes[mixAt];
      if (station === undefined || mix === undefined) throw new Error('no station to send from');
      if (station.isWaiting) skipped += 1;
      else {
        station.mixAt = mixAt;
        station.sendNext(mix);
      }
    }
    await sleep(1);
  }
  await until('the last answer is there', () => stations.every((station) => !station.isWaiting));
  for (const times of roundTripsMs) times.sort((a, b) => a - b);
  return { order: 'pace', calls, ms: performance.now() - startMs, roundTripsMs, skipped };
}

async function until(what: string, isTrue: () => boolean): Promise<void> {
  const deadlineMs = performance.now() + settleMs;
  while (!isTrue()) {
    if (performance.now() > deadlineMs) throw new Error(`not within ${settleMs / 1_000} s: ${what}`);
    await sleep(1);
  }
}

function say(answer: LoadAnswer): void {
  process.send?.(answer);
}
