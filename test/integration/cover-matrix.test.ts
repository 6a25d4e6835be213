/**
 * Every way in which a primary can be down, in every version, under every policy: what the station sees meanwhile, and what the primary has in the end.
 *
 * On real sockets, and by what station and backend wrote down. What is expected stands in the table; Busbar's own counts are not asked.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { OcppVersion } from '../../src/protocol/version.ts';
import { isGuaranteed } from '../../src/protocol/actions.ts';
import { createAuthority, type CertificateAuthority } from '../../src/testkit/certificates.ts';
import { until } from '../../src/testkit/until.ts';
import { dialStation, startFixture, type BarePeer, type BusbarFixture } from './busbar-fixture.ts';
import { MoodyBackend, type HeardText, type Mood } from './moody-backend.ts';

const answerWithinMs = 1_000;
/** Of a backend that answers with errors: it is found out by them, and none is to come too late on a machine that is busy. */
const errorWithinMs = 10_000;
/** Of a machine that is busy with all cells at once. */
const marginMs = 5_000;

type Policy = 'disconnect' | 'deny' | 'known' | 'all';

/**
 * What a station sees. `refused`: 503 to the upgrade. `closed`: that, or the link is closed under it. `relayed`: the backend's own answers. `covered`: Busbar's.
 * `either`: the one or the other. `unanswered`: nothing in the time of the test. An error code: that, for every call; with `cover` for so many calls only as it takes to find
 * out (`errors` in the table), and then Busbar's.
 */
type Sight =
  | 'refused'
  | 'closed'
  | 'relayed'
  | 'covered'
  | 'either'
  | 'unanswered'
  | 'SecurityError'
  | 'InternalError';

interface Kind {
  readonly name: string;
  readonly mood: Mood | 'unresolved' | 'untrusted';
  /** With `whenDown: disconnect`, and with `cover`. */
  readonly disconnect: Sight;
  readonly cover: Sight;
  /** Calls that a station gets an error to before Busbar answers. */
  readonly errors: number;
  /** Nothing of what was said meanwhile can have left for the backend. */
  readonly isDeaf: boolean;
}

// oxfmt-ignore
const kinds: readonly Kind[] = [
  //      name                       mood                                                       disconnect       cover            deaf   errors
  kind('connection refused',         { is: 'gone' },                                            'refused',       'covered',       true),
  kind('name does not resolve',      'unresolved',                                              'refused',       'covered',       true),
  kind('wrong certificate',          'untrusted',                                               'refused',       'covered',       true),
  kind('HTTP 404',                   { is: 'refusing', status: 404 },                           'refused',       'covered',       true),
  kind('HTTP 503',                   { is: 'refusing', status: 503 },                           'refused',       'covered',       true),
  kind('accepts, then closes 1000',  { is: 'closing', code: 1000 },                             'closed',        'covered',       true),
  kind('accepts, then closes 1008',  { is: 'closing', code: 1008 },                             'closed',        'covered',       true),
  kind('accepts, then closes 1012',  { is: 'closing', code: 1012 },                             'closed',        'covered',       true),
  kind('accepts, then resets',       { is: 'closing', code: null },                             'closed',        'covered',       true),
  kind('half-open',                  { is: 'silent' },                                          'unanswered',    'covered',       false),
  kind('slow',                       { is: 'slow', afterMs: 2_500 },                            'relayed',       'covered',       false),
  kind('flapping',                   { is: 'flapping', everyMs: 1_000 },                        'either',        'either',        false),
  kind('SecurityError to everything', { is: 'erring', code: 'SecurityError' },                  'SecurityError', 'SecurityError', false, 3),
  kind('boot answered Pending',      { is: 'hesitant' },                                        'relayed',       'relayed',       false),
  kind('CALLERROR to everything',    { is: 'erring', code: 'InternalError' },                   'InternalError', 'InternalError', false, 5),
];

function kind(
  name: string,
  mood: Kind['mood'],
  disconnect: Sight,
  cover: Sight,
  isDeaf: boolean,
  errors = 0,
): Kind {
  return { name, mood, disconnect, cover, isDeaf, errors };
}

const policies: readonly Policy[] = ['disconnect', 'deny', 'known', 'all'];
const versions: readonly OcppVersion[] = ['ocpp1.6', 'ocpp2.0.1', 'ocpp2.1'];

interface Cell {
  readonly policy: Policy;
  readonly version: OcppVersion;
  readonly station: string;
}

const cells: readonly Cell[] = policies.flatMap((policy) =>
  versions.map((version) => ({ policy, version, station: `${policy}-${version.replaceAll('.', '_')}` })),
);

/** One cell after all of it. */
interface Story {
  /** In the outage. */
  readonly link: 'refused' | 'closed' | 'open';
  readonly answers: readonly Answer[];
  readonly boundMs: readonly [from: number, to: number];
  readonly heard: readonly HeardText[];
  readonly said: readonly Said[];
}

interface Said {
  readonly action: string;
  readonly payload: Readonly<Record<string, unknown>>;
}

interface Answer extends Said {
  /** The payload of a result, the code of an error, null for none. */
  readonly answer: unknown;
  readonly afterMs: number;
}

const stories = new Map<string, Promise<Map<string, Story>>>();
const cleanups: (() => Promise<unknown>)[] = [];

beforeAll(async () => {
  const authorities = await Promise.all([createAuthority('CA'), createAuthority('Other CA')]);
  for (const each of kinds) {
    const story = live(each, authorities);
    // Every test awaits its own.
    story.catch(() => undefined);
    stories.set(each.name, story);
  }
});

afterAll(async () => {
  await Promise.all(cleanups.map((cleanup) => cleanup()));
});

describe.each(kinds)('$name', (each) => {
  test.each(cells)('$policy, $version', async ({ station, policy, version }) => {
    const story = (await stories.get(each.name))?.get(station);
    expect(story).toBeDefined();
    if (story === undefined) return;
    const sight = policy === 'disconnect' ? each.disconnect : each.cover;
    checkSight(sight, story, policy, version, each.errors);
    checkArrived(each, sight, story, version);
  });
});

function checkSight(sight: Sight, story: Story, policy: Policy, version: OcppVersion, errors: number): void {
  const { link, answers } = story;
  if (sight === 'refused') expect(link).toBe('refused');
  if (sight === 'closed') expect(['refused', 'closed']).toContain(link);
  if (sight === 'refused' || sight === 'closed') {
    for (const { answer } of answers) expect(answer).toBeNull();
    return;
  }
  if (sight === 'unanswered') {
    for (const { answer } of answers) expect(answer).toBeNull();
    return;
  }
  if (sight === 'either' && policy === 'disconnect') return;
  expect(link).toBe('open');
  expect(answers.length).toBeGreaterThan(7);
  let errorsSeen = 0;
  for (const one of answers) {
    const isFoundOut = errorsSeen >= errors || isGuaranteed(version, one.action);
    const isCovered = policy !== 'disconnect' && isFoundOut;
    const expected: unknown =
      sight === 'relayed' || sight === 'either'
        ? expect.any(Object)
        : sight === 'covered' || isCovered
          ? coveredAnswer(one, policy, version)
          : sight;
    if (expected === sight) errorsSeen += 1;
    expect([one.action, one.answer], one.action).toEqual([one.action, expected]);
    expect(one.afterMs, one.action).toBeLessThan(answerWithinMs + marginMs);
  }
  if (sight !== 'covered') return;
  for (const { answer } of answers) checkTimes(answer, story.boundMs);
}

/** The prescribed answer, with times left open. */
function coveredAnswer({ action, payload }: Said, policy: Policy, version: OcppVersion): unknown {
  const time = expect.any(String) as unknown;
  const isOne = version === 'ocpp1.6';
  const expiry = isOne ? 'expiryDate' : 'cacheExpiryDateTime';
  const refusal = policy === 'deny' || isOne ? 'Invalid' : 'Unknown';
  const isKnown = JSON.stringify(payload).includes('KNOWN');
  const isAccepted = policy === 'all' || (policy === 'known' && isKnown);
  const info = {
    [isOne ? 'idTagInfo' : 'idTokenInfo']: { status: isAccepted ? 'Accepted' : refusal, [expiry]: time },
  };
  switch (action) {
    case 'BootNotification':
      return { status: 'Accepted', interval: 300, currentTime: time };
    case 'Heartbeat':
      return { currentTime: time };
    case 'Authorize':
      return info;
    case 'StartTransaction':
      return { transactionId: expect.any(Number) as unknown, ...info };
    case 'TransactionEvent':
      return 'idToken' in payload ? info : {};
    default:
      return {};
  }
}

/** `currentTime` is now; no verdict outlasts an hour. */
function checkTimes(answer: unknown, [fromMs, toMs]: readonly [number, number]): void {
  const text = JSON.stringify(answer);
  for (const [, name, time] of text.matchAll(/"(currentTime|expiryDate|cacheExpiryDateTime)":"([^"]*)"/g)) {
    const atMs = Date.parse(time ?? '');
    expect(atMs).toBeGreaterThan(fromMs - 1_000);
    expect(atMs).toBeLessThan(toMs + 1_000 + (name === 'currentTime' ? 0 : 3_600_000));
  }
}

/** What the backend has in the end. */
function checkArrived(each: Kind, sight: Sight, { heard, said }: Story, version: OcppVersion): void {
  const since = heard.filter(({ era }) => era > 0);
  const isTransaction = ({ action }: { readonly action: string }): boolean =>
    version === 'ocpp1.6'
      ? action === 'StartTransaction' || action === 'MeterValues' || action === 'StopTransaction'
      : action === 'TransactionEvent';
  const all = heard.filter(isTransaction);
  // Each once: the same message again only under its own id, as the same bytes, and only while it was not answered.
  const taken = new Map<string, HeardText>();
  for (const one of all) {
    const same = `${one.action} ${JSON.stringify(one.payload['timestamp'] ?? one.payload['meterValue'])}`;
    const before = taken.get(same);
    expect(before, `${one.text} came after it was taken`).toBeUndefined();
    if (one.isTaken) taken.set(same, one);
  }
  const arrived = [...taken.values()];
  const wanted = said.filter(isTransaction);
  // In order, with the times the station wrote.
  expect(arrived.map(gist)).toEqual(wanted.map(gist));
  if (version === 'ocpp1.6') {
    // By the number that this backend gave, which it counts up over all stations.
    const numbers = new Set(arrived.slice(1).map(({ payload }) => payload['transactionId']));
    expect(numbers.size).toBe(1);
    const [number] = numbers;
    expect(number).toBeGreaterThan(5_000);
    expect(number).toBeLessThan(10_000);
  }
  const isHeld = sight === 'covered' && each.isDeaf;
  if (isHeld && version !== 'ocpp1.6')
    expect(arrived.map(({ payload }) => payload['offline'])).toEqual(arrived.map(() => true));
  // The last status, and the newest boot before it.
  const statuses = heard.filter(({ action, isTaken }) => action === 'StatusNotification' && isTaken);
  const last = said.findLast(({ action }) => action === 'StatusNotification');
  expect(statuses.map(statusOf).at(-1)).toBe(last === undefined ? undefined : statusOf(last));
  if (!isHeld) return;
  expect(since.map(({ action }) => action).slice(0, 2)).toEqual(['BootNotification', 'StatusNotification']);
  expect(JSON.stringify(since[0]?.payload)).toContain('"firmwareVersion":"2"');
  expect(since.filter(({ action }) => action === 'BootNotification')).toHaveLength(1);
  expect(since.filter(({ action }) => action === 'StatusNotification')).toHaveLength(1);
  expect(since.filter(({ action }) => action === 'Authorize')).toEqual([]);
}

/** One kind of outage, lived through by all of its cells at once. */
async function live(
  { mood, disconnect, cover }: Kind,
  [authority, other]: readonly [CertificateAuthority, CertificateAuthority],
): Promise<Map<string, Story>> {
  const order = { use: 'server', keyType: 'ecdsa', commonName: 'localhost', names: ['127.0.0.1'] } as const;
  const isSecure = mood === 'untrusted';
  const backend = new MoodyBackend(isSecure ? await authority.issue(order) : null);
  await backend.start();
  cleanups.push(() => backend.stop());
  const isErring = typeof mood === 'object' && mood.is === 'erring';
  const withinMs = isErring ? errorWithinMs : answerWithinMs;
  const text = (url: string): string => configurationText(url, isSecure, withinMs);
  const fixture = await startFixture(text(backend.url), isSecure ? { 'ca.pem': authority.cert } : {});
  cleanups.push(() => fixture.close());

  await Promise.all(cells.map((cell) => introduce(fixture, cell)));
  // They are waited for, a while: their links would be lost by the mood, and dialled later for that.
  const { registry } = fixture.busbar.gateway;
  await until('no station is waited for', () =>
    registry.backends().every(({ linksOpen }) => linksOpen === 0),
  );
  if (mood === 'unresolved') {
    await backend.be({ is: 'gone' });
    await reload(fixture, text(`ws://nowhere.invalid:${backend.port}/csms`));
  } else await backend.be(isSecure ? { is: 'untrusted', certificate: await other.issue(order) } : mood);

  const lives = cells.map(
    (cell) => new CellLife(fixture, cell, cell.policy === 'disconnect' ? disconnect : cover),
  );
  await Promise.all(lives.map((life) => life.suffer()));
  await backend.be({ is: 'healthy' });
  if (mood === 'unresolved') await reload(fixture, text(backend.url));
  await Promise.all(lives.map((life) => life.recover(backend.heardOf(life.cell.station))));
  return new Map(lives.map((life) => [life.cell.station, life.story(backend.heardOf(life.cell.station))]));
}

function configurationText(url: string, isSecure: boolean, withinMs: number): string {
  const routes = policies.map((policy) =>
    policy === 'disconnect'
      ? `  - { stations: "disconnect-*", primary: csms }`
      : `  - { stations: "${policy}-*", primary: csms, whenDown: cover, authorizeWhenDown: ${policy} }`,
  );
  const tls = isSecure ? ', tls: { ca: ca.pem }' : '';
  return `stations: { listen: "127.0.0.1:0" }
admin: { listen: "127.0.0.1:0" }
storage: sqlite:./busbar.db
backends:
  csms: { url: "${url}/{station}", redial: { from: 100ms, to: 300ms }, holdDown: 300ms, drainRate: unlimited${tls} }
routes:
${routes.join('\n')}
stationSettings: { answerWithin: ${withinMs}ms }
limits: { callsPerSecond: 1000, connectsPerHour: 100000 }
`;
}

async function reload(fixture: BusbarFixture, text: string): Promise<void> {
  await fixture.write(text);
  const reloaded = await fixture.busbar.reload();
  if (!reloaded.ok) throw new Error('the configuration is not taken');
}

/** The station is known to its primary, and so is a token. */
async function introduce(fixture: BusbarFixture, { station, version }: Cell): Promise<void> {
  const peer = await dialStation(fixture.stationUrl(station), { protocols: [version] });
  const talk = new Talk(peer);
  const script = scriptOf({ station, version });
  await talk.call(script.boot('1'));
  await talk.call(script.authorize('KNOWN'));
  await talk.call(script.status('Available', 'Available'));
  peer.socket.close();
  await until('the link is closed', () => peer.closed !== null);
}

/** A station's side of one link. */
class Talk {
  readonly peer: BarePeer;
  #count = 0;

  constructor(peer: BarePeer) {
    this.peer = peer;
  }

  /** Null when no answer came, or the link went. */
  async call({ action, payload }: Said, waitMs = 10_000): Promise<Answer> {
    const id = `c${(this.#count += 1)}`;
    const sentAtMs = performance.now();
    if (this.peer.isOpen) this.peer.send(JSON.stringify([2, id, action, payload]));
    let answer: unknown = null;
    const find = (): boolean => {
      for (const text of this.peer.texts.splice(0)) {
        const [type, of, body] = JSON.parse(text) as [number, string, unknown];
        if (of === id && type !== 2) answer = body;
      }
      return answer !== null || !this.peer.isOpen;
    };
    while (!find() && performance.now() - sentAtMs < waitMs) await delay(5);
    return { action, payload, answer, afterMs: performance.now() - sentAtMs };
  }
}

class CellLife {
  readonly cell: Cell;
  readonly #fixture: BusbarFixture;
  readonly #sight: Sight;
  readonly #said: Said[] = [];
  readonly #answers: Answer[] = [];
  #talk: Talk | null = null;
  #link: Story['link'] = 'refused';
  #fromMs = 0;
  #toMs = 0;

  constructor(fixture: BusbarFixture, cell: Cell, sight: Sight) {
    this.#fixture = fixture;
    this.cell = cell;
    this.#sight = sight;
  }

  /** Says all it has to say while the backend is down, as far as it is let. */
  async suffer(): Promise<void> {
    this.#fromMs = Date.now();
    const { station, version, policy } = this.cell;
    const peer = await dialStation(this.#fixture.stationUrl(station), { protocols: [version] });
    if (peer.isOpen) {
      this.#link = 'open';
      this.#talk = new Talk(peer);
      const script = scriptOf({ station, version });
      // One that nobody answers for waits for its first answer as long as all the others together.
      const isPatient = this.#sight !== 'unanswered' && (this.#sight !== 'either' || policy !== 'disconnect');
      let number: unknown = null;
      for (const say of script.all) {
        const answer = await this.#talk.call(say(number), isPatient ? 10_000 : 1_500);
        number ??= numberIn(answer.answer);
        this.#answers.push(answer);
        if (!peer.isOpen || !isPatient) break;
      }
      if (!peer.isOpen) this.#link = 'closed';
    }
    this.#toMs = Date.now();
  }

  /** The backend is healthy: what the station could not say it says now, and then all must have arrived. */
  async recover(heard: readonly HeardText[]): Promise<void> {
    const { station, version } = this.cell;
    const script = scriptOf({ station, version });
    let number: unknown = null;
    for (const { answer } of this.#answers) number ??= numberIn(answer);
    for (const [at, say] of script.all.entries()) {
      const before = this.#answers[at];
      // A status that was refused is not said again once there is a newer one.
      const isOver =
        before?.action === 'StatusNotification' && isDone(this.#answers.at(script.all.length - 1)?.answer);
      let answer: unknown = isOver ? {} : before?.answer;
      while (!isDone(answer)) {
        const talk = await this.#connected();
        answer = (await talk.call(say(number))).answer;
        if (!isDone(answer)) await delay(50);
      }
      number ??= numberIn(answer);
      this.#said.push(say(number));
    }
    const wanted = this.#said.filter(({ action }) => ofTransactions.has(action)).length;
    // A station beats now and then; a backend that was too slow shows by that that it is not any more.
    for (let tries = 0; ; tries += 1) {
      await (await this.#connected()).call(heartbeat());
      const taken = heard.filter(({ isTaken }) => isTaken);
      const told = taken.findLast(({ action }) => action === 'StatusNotification')?.payload;
      const isTold = JSON.stringify(told).includes(script.lastStatus);
      if (isTold && taken.filter(({ action }) => ofTransactions.has(action)).length >= wanted) break;
      // What was refused is sent again after ten seconds.
      if (tries > 160) break;
      await delay(100);
    }
    // Nothing comes after all of it.
    await delay(300);
    this.#talk?.peer.socket.terminate();
  }

  story(heard: readonly HeardText[]): Story {
    return {
      link: this.#link,
      answers: this.#answers,
      boundMs: [this.#fromMs, this.#toMs],
      heard,
      said: this.#said,
    };
  }

  async #connected(): Promise<Talk> {
    const deadlineMs = performance.now() + 20_000;
    while (this.#talk === null || !this.#talk.peer.isOpen) {
      if (performance.now() > deadlineMs) throw new Error(`${this.cell.station} is not let in again`);
      const { station, version } = this.cell;
      const peer = await dialStation(this.#fixture.stationUrl(station), { protocols: [version] });
      this.#talk = peer.isOpen ? new Talk(peer) : null;
      if (this.#talk === null) await delay(100);
    }
    return this.#talk;
  }
}

const ofTransactions = new Set(['StartTransaction', 'MeterValues', 'StopTransaction', 'TransactionEvent']);

interface Script {
  readonly boot: (firmware: string) => Said;
  readonly authorize: (token: string) => Said;
  readonly status: (one: string, two: string) => Said;
  readonly lastStatus: string;
  /** Everything in order; each is given the number of the transaction. */
  readonly all: readonly ((number: unknown) => Said)[];
}

/** A stranger's token is of this station alone: what another station's taught would be the verdict here too. */
function scriptOf({ station, version }: Pick<Cell, 'station' | 'version'>): Script {
  const isOne = version === 'ocpp1.6';
  const boot = (firmwareVersion: string): Said => ({
    action: 'BootNotification',
    payload: isOne
      ? { chargePointVendor: 'V', chargePointModel: 'M', firmwareVersion }
      : { reason: 'PowerUp', chargingStation: { vendorName: 'V', model: 'M', firmwareVersion } },
  });
  const authorize = (token: string): Said => ({
    action: 'Authorize',
    payload: isOne ? { idTag: token } : { idToken: tokenOf(token) },
  });
  let minute = 0;
  const status = (one: string, two: string): Said => ({
    action: 'StatusNotification',
    payload: isOne
      ? { connectorId: 1, errorCode: 'NoError', status: one, timestamp: minuteOf(minute) }
      : { evseId: 1, connectorId: 1, connectorStatus: two, timestamp: minuteOf(minute) },
  });
  const meterValue = [{ timestamp: minuteOf(20), sampledValue: [{ value: isOne ? '10' : 10 }] }];
  const event = (eventType: string, seqNo: number, more: object): Said => ({
    action: 'TransactionEvent',
    payload: {
      eventType,
      timestamp: minuteOf(10 * (seqNo + 1)),
      triggerReason: eventType === 'Updated' ? 'MeterValuePeriodic' : 'Authorized',
      seqNo,
      transactionInfo: { transactionId: 'TX-1' },
      ...more,
    },
  });
  const transaction: readonly ((number: unknown) => Said)[] = isOne
    ? [
        () => ({
          action: 'StartTransaction',
          payload: { connectorId: 1, idTag: 'KNOWN', meterStart: 5, timestamp: minuteOf(10) },
        }),
        (number) => ({
          action: 'MeterValues',
          payload: { connectorId: 1, transactionId: number, meterValue },
        }),
        (number) => ({
          action: 'StopTransaction',
          payload: { transactionId: number, meterStop: 15, timestamp: minuteOf(30) },
        }),
      ]
    : [
        () => event('Started', 0, { evse: { id: 1, connectorId: 1 }, idToken: tokenOf('KNOWN') }),
        () => event('Updated', 1, { meterValue }),
        () => event('Ended', 2, {}),
      ];
  return {
    boot,
    authorize,
    status,
    lastStatus: isOne ? 'Finishing' : 'Occupied',
    all: [
      () => boot('2'),
      () => status('Preparing', 'Reserved'),
      heartbeat,
      () => authorize('KNOWN'),
      () => authorize(`STRANGER-${station}`),
      ...transaction,
      () => {
        minute = 40;
        return status('Finishing', 'Occupied');
      },
    ],
  };
}

function minuteOf(minute: number): string {
  return `2026-11-20T10:${String(minute).padStart(2, '0')}:00Z`;
}

function tokenOf(idToken: string): object {
  return { idToken, type: 'ISO14443' };
}

function heartbeat(): Said {
  return { action: 'Heartbeat', payload: {} };
}

function isDone(answer: unknown): answer is object {
  return typeof answer === 'object' && answer !== null;
}

function statusOf({ payload }: Said): unknown {
  return payload['status'] ?? payload['connectorStatus'];
}

/** What of a transaction message no backend's numbers change. */
function gist({ action, payload }: Said): unknown[] {
  return [
    action,
    payload['timestamp'] ?? null,
    payload['meterValue'] ?? null,
    payload['seqNo'] ?? null,
    payload['meterStart'] ?? payload['meterStop'] ?? null,
  ];
}

/** What the station is to call its 1.6 transaction. */
function numberIn(answer: unknown): unknown {
  return isDone(answer) ? ((answer as { transactionId?: unknown }).transactionId ?? null) : null;
}
