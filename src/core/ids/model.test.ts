/**
 * Three backends that hand out the same numbers on purpose, one station, and any order of events with restarts in between. A simple model keeps apart what belongs
 * together by object, not by number; what the ledger's functions say has to agree with it.
 */
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { IdsBench, type BenchCall, type BenchCommand } from '../../testkit/ids-bench.ts';
import { applyIdChange } from './apply-change.ts';
import type { IdChange } from './change.ts';
import { closedRequestMs, emptyLedger, mintedFrom } from './ledger.ts';

const backends = ['a', 'b', 'c'] as const;
const backend = fc.constantFrom(...backends);
const pick = fc.nat(30);

interface Transaction {
  readonly call: BenchCall;
  readonly owner: string;
  readonly connectorId: number;
  /** By backend: the number it gave last; null when that was none. */
  readonly given: Map<string, string | null>;
  readonly invited: readonly string[];
  ext: string | null;
}

interface Request {
  readonly backend: string;
  readonly token: string;
  readonly minted: string;
  readonly atMs: number;
}

const givenIds = fc.constantFrom(
  '1',
  '2',
  '3',
  '0',
  '-1',
  '2147483648',
  '9223372036854775807',
  '"x"',
  'null',
  String(mintedFrom),
  String(mintedFrom + 1),
);

const v16Event = fc.oneof(
  fc.record({
    do: fc.constant('start' as const),
    connectorId: fc.integer({ min: 1, max: 3 }),
    reservation: pick,
  }),
  { weight: 3, arbitrary: fc.record({ do: fc.constant('answer' as const), backend, pick, id: givenIds }) },
  fc.record({ do: fc.constant('fail' as const), backend, pick }),
  { weight: 3, arbitrary: fc.record({ do: fc.constant('meter' as const), pick }) },
  fc.record({ do: fc.constant('lost' as const), pick }),
  fc.record({ do: fc.constant('stop' as const), pick }),
  fc.record({ do: fc.constant('remoteStop' as const), backend, id: givenIds }),
  fc.record({ do: fc.constant('getLog' as const), backend, id: fc.integer({ min: 1, max: 3 }) }),
  fc.record({ do: fc.constant('logStatus' as const), pick, isLast: fc.boolean() }),
  fc.record({ do: fc.constant('reserve' as const), backend, id: fc.integer({ min: 1, max: 2 }) }),
  fc.record({ do: fc.constant('primary' as const), backend }),
  fc.record({ do: fc.constant('restart' as const) }),
);

type V16Event = typeof v16Event extends fc.Arbitrary<infer Event> ? Event : never;

/** The integer a JSON token is as a backend's number, or null. */
function numberOf(token: string): string | null {
  return token === '"x"' || token === 'null' ? null : token;
}

/** Whoever applies the same changes, at restart or elsewhere, has the same ledger. */
function expectReplayed({ ledger, changes }: IdsBench): void {
  const replayed = emptyLedger(0);
  for (const change of JSON.parse(JSON.stringify(changes)) as IdChange[]) applyIdChange(replayed, change);
  expect(replayed).toEqual(ledger);
}

class V16Model {
  readonly bench = new IdsBench('ocpp1.6');
  readonly transactions: Transaction[] = [];
  readonly requests: Request[] = [];
  readonly reservations: { backend: string; id: string; ext: string; isUsed: boolean }[] = [];
  #count = 0;

  run(event: V16Event): void {
    const { bench } = this;
    switch (event.do) {
      case 'start':
        return this.#start(event.connectorId, this.reservations[event.reservation]);
      case 'answer': {
        const transaction = this.#transaction(event.pick);
        if (transaction?.invited.includes(event.backend) === true)
          this.#answer(transaction, event.backend, event.id);
        return;
      }
      case 'fail': {
        const transaction = this.#transaction(event.pick);
        if (transaction !== undefined) bench.fail(event.backend, transaction.call);
        return;
      }
      case 'meter':
      case 'stop':
        return this.#use(event.do === 'stop', this.#transaction(event.pick));
      case 'lost':
        return this.#useLost(this.#transaction(event.pick));
      case 'remoteStop':
        return this.#remoteStop(event.backend, event.id);
      case 'getLog': {
        const sent = bench.command(event.backend, 'GetLog', `{"requestId":${event.id},"log":{}}`);
        if (typeof sent === 'string') throw new Error(sent);
        const minted = String((JSON.parse(sent.payload) as { requestId: number }).requestId);
        expect(this.requests.map((request) => request.minted)).not.toContain(minted);
        this.requests.push({ backend: event.backend, token: String(event.id), minted, atMs: bench.wallMs });
        return;
      }
      case 'logStatus': {
        const request = this.requests[event.pick % Math.max(1, this.requests.length)];
        if (request === undefined) return;
        const status = event.isLast ? 'Uploaded' : 'Uploading';
        const call = bench.call(
          'LogStatusNotification',
          `{"status":"${status}","requestId":${request.minted}}`,
        );
        expect(call.arrival.owner).toBe(request.backend);
        for (const name of backends) {
          const expected = `{"status":"${status}","requestId":${request.token}}`;
          expect(bench.sent(name, call)).toBe(name === request.backend ? expected : 'not_requested');
        }
        return;
      }
      case 'reserve':
        return this.#reserve(event.backend, String(event.id));
      case 'primary':
        bench.attendance = { primary: event.backend, owners: [], listeners: backends };
        return;
      case 'restart':
        bench.restart();
    }
  }

  #transaction(at: number): Transaction | undefined {
    return this.transactions[at % Math.max(1, this.transactions.length)];
  }

  #start(connectorId: number, reservation: V16Model['reservations'][number] | undefined): void {
    this.#count += 1;
    const named = reservation === undefined ? '' : `,"reservationId":${reservation.ext}`;
    const facts = `"connectorId":${connectorId},"meterStart":${this.#count}`;
    const call = this.bench.call('StartTransaction', `{${facts}${named}}`);
    const owner = this.bench.attendance.primary;
    expect(call.arrival.owner).toBe(owner);
    for (const name of backends) {
      const isOwn = reservation?.backend === name;
      const shown = isOwn ? `,"reservationId":${reservation.id}` : '';
      expect(this.bench.sent(name, call)).toBe(`{${facts}${shown}}`);
    }
    if (reservation !== undefined) reservation.isUsed = true;
    this.transactions.push({ call, owner, connectorId, given: new Map(), invited: backends, ext: null });
  }

  #answer(transaction: Transaction, name: string, id: string): void {
    const answer = this.bench.answer(name, transaction.call, `{"transactionId" : ${id}, "x":1.0}`);
    transaction.given.set(name, numberOf(id));
    if (transaction.owner !== name) return expect(answer.payload).toBe(`{"transactionId" : ${id}, "x":1.0}`);
    const ext = String((JSON.parse(answer.payload) as { transactionId: number }).transactionId);
    expect(answer.payload).toBe(`{"transactionId" : ${ext}, "x":1.0}`);
    expect(Number(ext) > 0 && Number(ext) <= 0x7fff_ffff).toBe(true);
    if (transaction.ext !== null) expect(ext).toBe(transaction.ext);
    else expect(this.transactions.map((other) => other.ext)).not.toContain(ext);
    transaction.ext = ext;
  }

  #use(isStop: boolean, transaction: Transaction | undefined): void {
    if (transaction === undefined || transaction.ext === null) return;
    this.#count += 1;
    const action = isStop ? 'StopTransaction' : 'MeterValues';
    const payload = (id: string): string =>
      `{"note":"\\"transactionId\\":${this.#count}", "transactionId": ${id} ,"meterValue":[{"transactionId":1.50}]}`;
    const call = this.bench.call(action, payload(transaction.ext));
    expect(call.arrival.owner).toBe(transaction.owner);
    for (const name of backends) {
      const id = transaction.given.get(name);
      const sent = this.bench.sent(name, call);
      if (id !== undefined && id !== null) expect(sent).toBe(payload(id));
      else if (name === transaction.owner) expect(sent).toBe(payload('-1'));
      else expect(['id_pending', 'not_shown']).toContain(sent);
    }
  }

  /** The station has no number: what any backend sees is a number it gave itself, or -1. */
  #useLost(transaction: Transaction | undefined): void {
    if (transaction === undefined) return;
    const { connectorId } = transaction;
    const call = this.bench.call('MeterValues', `{"connectorId":${connectorId},"transactionId":-1}`);
    for (const name of backends) {
      const sent = this.bench.sent(name, call);
      if (!sent.startsWith('{')) continue;
      const id = sent.slice(sent.indexOf('nId":') + 5, -1);
      const own = this.transactions.map((other) => other.given.get(name));
      expect(id === '-1' || own.includes(id)).toBe(true);
    }
  }

  #remoteStop(name: string, id: string): void {
    const sent = this.bench.command(name, 'RemoteStopTransaction', `{"transactionId":${id}}`);
    if (typeof sent === 'string') return;
    const reached = sent.payload.slice('{"transactionId":'.length, -1);
    const meant = this.transactions.find((transaction) => transaction.ext === reached);
    if (meant === undefined) {
      expect([reached, name]).toEqual([id, this.bench.attendance.primary]);
    } else expect(meant.given.get(name)).toBe(id);
  }

  #reserve(name: string, id: string): void {
    const sent = this.bench.command(name, 'ReserveNow', `{"reservationId":${id}}`);
    if (typeof sent === 'string') throw new Error(sent);
    this.bench.result(sent.command, '{"status":"Accepted"}');
    const ext = sent.payload.slice('{"reservationId":'.length, -1);
    const own = this.reservations.find((row) => row.backend === name && row.id === id);
    for (const row of this.reservations) if (row !== own) expect(row.ext).not.toBe(ext);
    if (own === undefined) this.reservations.push({ backend: name, id, ext, isUsed: false });
    else own.ext = ext;
  }
}

test('1.6: numbers of transactions, requests and reservations never reach the wrong backend', () => {
  fc.assert(
    fc.property(fc.array(v16Event, { maxLength: 60, size: 'max' }), (events) => {
      const model = new V16Model();
      for (const event of events) model.run(event);
      expectReplayed(model.bench);
    }),
    { numRuns: 400 },
  );
});

const objectIds = fc.constantFrom(1, 2, mintedFrom, mintedFrom + 1);

const v2Event = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('set' as const),
      backend,
      id: objectIds,
      isAccepted: fc.boolean(),
    }),
  },
  fc.record({ do: fc.constant('clear' as const), backend, id: objectIds }),
  fc.record({ do: fc.constant('report' as const), backend, requestId: fc.integer({ min: 1, max: 2 }) }),
  fc.record({ do: fc.constant('remoteStart' as const), backend, id: fc.integer({ min: 1, max: 2 }) }),
  fc.record({ do: fc.constant('started' as const), pick, named: fc.boolean() }),
  fc.record({ do: fc.constant('updated' as const), pick }),
  fc.record({ do: fc.constant('listeners' as const), listeners: fc.subarray([...backends]) }),
  fc.record({ do: fc.constant('wait' as const) }),
  fc.record({ do: fc.constant('restart' as const) }),
);

type V2Event = typeof v2Event extends fc.Arbitrary<infer Event> ? Event : never;

/** Profiles as the station lists them. */
function list(ids: readonly number[]): string {
  return ids.map((ext) => `{"id":${ext}, "v":1.0}`).join(' ,');
}

class V2Model {
  readonly bench = new IdsBench('ocpp2.0.1');
  /** What lies in the station, by the station's number. */
  readonly profiles = new Map<number, { backend: string; id: number }>();
  readonly starts: Request[] = [];
  readonly transactions: { name: string; shown: readonly string[]; owner: string }[] = [];

  run(event: V2Event): void {
    const { bench } = this;
    switch (event.do) {
      case 'set':
        return this.#set(event.backend, event.id, event.isAccepted);
      case 'clear':
        return this.#clear(event.backend, event.id);
      case 'report':
        return this.#report(event.backend, event.requestId);
      case 'remoteStart': {
        const sent = bench.command(event.backend, 'RequestStartTransaction', `{"remoteStartId":${event.id}}`);
        if (typeof sent === 'string') throw new Error(sent);
        const minted = sent.payload.slice('{"remoteStartId":'.length, -1);
        expect(this.starts.map((start) => start.minted)).not.toContain(minted);
        this.starts.push({ backend: event.backend, token: String(event.id), minted, atMs: bench.wallMs });
        return;
      }
      case 'started':
        return this.#started(
          event.named ? this.starts[event.pick % Math.max(1, this.starts.length)] : undefined,
        );
      case 'updated': {
        const transaction = this.transactions[event.pick % Math.max(1, this.transactions.length)];
        if (transaction === undefined) return;
        const payload = `{"eventType":"Updated","transactionInfo":{"transactionId":"${transaction.name}"}}`;
        const call = bench.call('TransactionEvent', payload);
        expect(call.arrival.owner).toBe(transaction.owner);
        for (const name of backends)
          expect(bench.sent(name, call)).toBe(transaction.shown.includes(name) ? payload : 'not_shown');
        return;
      }
      case 'listeners':
        bench.attendance = { primary: 'a', owners: ['b'], listeners: event.listeners };
        return;
      case 'wait':
        bench.wallMs += 13 * 3_600_000;
        return;
      case 'restart':
        bench.restart();
    }
  }

  #set(name: string, id: number, isAccepted: boolean): void {
    const sent = this.bench.command(name, 'SetChargingProfile', `{"chargingProfile":{"id":${id}}}`);
    if (typeof sent === 'string') throw new Error(sent);
    const ext = Number(sent.payload.slice('{"chargingProfile":{"id":'.length, -2));
    // Nothing of another backend is replaced.
    const there = this.profiles.get(ext);
    if (there !== undefined) expect(there).toEqual({ backend: name, id });
    this.bench.result(sent.command, `{"status":"${isAccepted ? 'Accepted' : 'Rejected'}"}`);
    if (isAccepted) this.profiles.set(ext, { backend: name, id });
  }

  #clear(name: string, id: number): void {
    const sent = this.bench.command(name, 'ClearChargingProfile', `{"chargingProfileId":${id}}`);
    if (typeof sent === 'string') return;
    const ext = Number(sent.payload.slice('{"chargingProfileId":'.length, -1));
    const there = this.profiles.get(ext);
    if (there !== undefined) expect(there).toEqual({ backend: name, id });
    const wasThere = this.profiles.delete(ext);
    this.bench.result(sent.command, `{"status":"${wasThere ? 'Accepted' : 'Unknown'}"}`);
  }

  #report(name: string, requestId: number): void {
    const sent = this.bench.command(
      name,
      'GetChargingProfiles',
      `{"requestId":${requestId},"chargingProfile":{}}`,
    );
    if (typeof sent === 'string') throw new Error(sent);
    const asked: BenchCommand = sent.command;
    this.bench.result(asked, '{"status":"Accepted"}');
    const minted = (JSON.parse(sent.payload) as { requestId: number }).requestId;
    // One more that the station has by itself, as from a local controller.
    const exts = [...this.profiles.keys(), 99];
    const call = this.bench.call(
      'ReportChargingProfiles',
      `{"requestId":${minted},"chargingProfile":[${list(exts)}]}`,
    );
    for (const other of backends)
      if (other !== name) expect(this.bench.sent(other, call)).toBe('not_requested');
    const payload = this.bench.sent(name, call);
    const report = JSON.parse(payload) as { requestId: number; chargingProfile: { id: number }[] };
    const shown = report.chargingProfile.map(({ id }) => id);
    expect(payload).toBe(`{"requestId":${requestId},"chargingProfile":[${list(shown)}]}`);
    expect(new Set(shown).size).toBe(shown.length);
    for (const [at, ext] of exts.entries()) {
      const profile = this.profiles.get(ext);
      if (profile?.backend === name) expect(shown[at]).toBe(profile.id);
    }
  }

  #started(start: Request | undefined): void {
    const name = `t${this.transactions.length}`;
    const payload = (more: string): string =>
      `{"eventType":"Started","transactionInfo":{"transactionId":"${name}"${more}}}`;
    const call = this.bench.call(
      'TransactionEvent',
      payload(start === undefined ? '' : `,"remoteStartId":${start.minted}`),
    );
    const asked = start?.backend ?? 'a';
    const owner = this.bench.attendance.owners.includes(asked) ? asked : 'a';
    // After a day a remote start may have been forgotten: then its number is nobody's.
    if (
      start !== undefined &&
      this.bench.wallMs - start.atMs >= closedRequestMs &&
      call.arrival.issuer === null
    )
      return this.#forgotten(name, call, payload(''));
    expect(call.arrival.owner).toBe(owner);
    const shown = backends.filter(
      (other) => other === owner || this.bench.attendance.listeners.includes(other),
    );
    for (const other of backends) {
      const own = start?.backend === other ? `,"remoteStartId":${start.token}` : '';
      expect(this.bench.sent(other, call)).toBe(shown.includes(other) ? payload(own) : 'not_shown');
    }
    this.transactions.push({ name, shown, owner });
  }

  #forgotten(name: string, call: BenchCall, payload: string): void {
    const { listeners } = this.bench.attendance;
    const shown = backends.filter((other) => other === 'a' || listeners.includes(other));
    for (const other of backends)
      expect(this.bench.sent(other, call)).toBe(shown.includes(other) ? payload : 'not_shown');
    this.transactions.push({ name, shown, owner: 'a' });
  }
}

test('2.x: numbers of profiles, requests and remote starts never reach the wrong backend', () => {
  fc.assert(
    fc.property(fc.array(v2Event, { maxLength: 50, size: 'max' }), (events) => {
      const model = new V2Model();
      for (const event of events) model.run(event);
      expectReplayed(model.bench);
    }),
    { numRuns: 400 },
  );
});
