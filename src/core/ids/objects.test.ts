import { describe, expect, test } from 'vitest';
import { IdsBench } from '../../testkit/ids-bench.ts';
import { endedObjectMs, mintedFrom, objectsMax } from './ledger.ts';

const minted = String(mintedFrom);

function write(
  bench: IdsBench,
  backend: string,
  action: string,
  payload: string,
  result = '"Accepted"',
): string {
  const sent = bench.command(backend, action, payload);
  if (typeof sent === 'string') return sent;
  bench.result(sent.command, `{"status":${result}}`);
  return sent.payload;
}

const profile = (id: number | string): string => `{"evseId":1,"chargingProfile":{"id":${id},"stackLevel":0}}`;

function profileOf(purpose: string, id: number): string {
  return `{"evseId":1,"chargingProfile":{"id":${id},"chargingProfilePurpose":"${purpose}"}}`;
}

const tariff = (id: string): string => `{"evseId":1,"tariff":{"tariffId":"${id}","currency":"EUR"}}`;

function control(id: string): string {
  return `{"controlId":${JSON.stringify(id)},"isDefault":false}`;
}

function started(more: string): string {
  return `{"eventType":"Started","transactionInfo":{"transactionId":"t"}${more}}`;
}

describe('a number that a backend gives to something it writes', () => {
  test('stays as it is while only one backend has written it', () => {
    const bench = new IdsBench('ocpp2.0.1');
    expect(write(bench, 'a', 'SetChargingProfile', profile(5))).toBe(profile(5));
    expect(write(bench, 'a', 'SetChargingProfile', profile(5))).toBe(profile(5));
    expect(bench.changes).toHaveLength(1);
  });

  test('is another at the station when it is in the way of another backend’s (H18)', () => {
    const bench = new IdsBench('ocpp2.0.1');
    write(bench, 'a', 'SetChargingProfile', profile(5));
    expect(write(bench, 'b', 'SetChargingProfile', profile(5))).toBe(profile(minted));
    bench.restart();
    expect(write(bench, 'b', 'ClearChargingProfile', '{"chargingProfileId":5}')).toBe(
      `{"chargingProfileId":${minted}}`,
    );
    expect(write(bench, 'a', 'ClearChargingProfile', '{"chargingProfileId":5}')).toBe(
      '{"chargingProfileId":5}',
    );
  });

  test('is made up once: what is written again gets the same, and numbers never go back', () => {
    const bench = new IdsBench('ocpp2.0.1');
    for (const id of [5, 6])
      for (const name of ['a', 'b']) write(bench, name, 'SetChargingProfile', profile(id));
    const { nextMinted } = bench.ledger;
    write(bench, 'b', 'ClearChargingProfile', '{"chargingProfileId":5}');
    expect(write(bench, 'b', 'SetChargingProfile', profile(5))).toBe(profile(minted));
    expect(bench.ledger.nextMinted).toBe(nextMinted);
  });

  test('is free for others a day after it was removed', () => {
    const bench = new IdsBench('ocpp2.0.1');
    write(bench, 'a', 'SetChargingProfile', profile(5));
    write(bench, 'a', 'ClearChargingProfile', '{"chargingProfileId":5}');
    bench.wallMs += endedObjectMs;
    expect(write(bench, 'b', 'SetChargingProfile', profile(5))).toBe(profile(5));
  });

  test('is nobody else’s while the station keeps its tariff: each of ClearTariffs has an answer of its own', () => {
    const bench = new IdsBench('ocpp2.1');
    for (const id of ['X', 'Y', 'Z']) write(bench, 'a', 'SetDefaultTariff', tariff(id));
    const sent = bench.command('a', 'ClearTariffs', '{"tariffIds":["X","Y","Z"]}');
    if (typeof sent === 'string') throw new Error(sent);
    const statuses = ['"X","status":"Accepted"', '"Y","status":"Rejected"', '"Z","status":"NoTariff"'];
    const results = statuses.map((status) => `{"tariffId":${status}}`).join(',');
    bench.result(sent.command, `{"clearTariffsResult":[${results}]}`);
    expect(bench.ledger.objects.map(({ ext, state }) => [ext, state])).toEqual([
      ['X', 'ended'],
      ['Y', 'live'],
      ['Z', 'ended'],
    ]);
    bench.wallMs += endedObjectMs;
    expect(write(bench, 'b', 'SetDefaultTariff', tariff('Y'))).not.toBe(tariff('Y'));
  });

  test('is nobody else’s while the station keeps it: a refusal without an id is about all of ClearTariffs', () => {
    const bench = new IdsBench('ocpp2.1');
    for (const id of ['X', 'Y']) write(bench, 'a', 'SetDefaultTariff', tariff(id));
    const sent = bench.command('a', 'ClearTariffs', '{"tariffIds":["X","Y"]}');
    if (typeof sent === 'string') throw new Error(sent);
    bench.result(sent.command, '{"clearTariffsResult":[{"status":"Rejected"}]}');
    expect(bench.ledger.objects.map(({ state }) => state)).toEqual(['live', 'live']);
  });

  test('counts as never written when the station refuses it', () => {
    const bench = new IdsBench('ocpp2.0.1');
    write(bench, 'a', 'ReserveNow', '{"id":5}', '"Occupied"');
    expect(bench.ledger.objects[0]?.state).toBe('ended');
  });

  test('that is another backend’s cannot be removed by who did not write it', () => {
    const bench = new IdsBench('ocpp2.0.1');
    write(bench, 'b', 'ReserveNow', '{"id":5}');
    expect(bench.command('a', 'CancelReservation', '{"reservationId":5}')).toBe('not_yours');
    expect(bench.command('a', 'CancelReservation', '{"reservationId":6}')).toMatchObject({
      payload: '{"reservationId":6}',
    });
  });

  test('of a tariff is in another’s way in whatever case it is spelled: to the station it is one name', () => {
    const bench = new IdsBench('ocpp2.1');
    write(bench, 'a', 'SetDefaultTariff', tariff('Standard'));
    expect(bench.command('b', 'ClearTariffs', '{"tariffIds":["STANDARD"]}')).toBe('not_yours');
    const sent = write(bench, 'b', 'SetDefaultTariff', tariff('standard'));
    expect(sent).toBe(tariff(`busbar-${mintedFrom.toString(36)}`));
    expect(write(bench, 'a', 'SetDefaultTariff', tariff('STANDARD'))).toBe(tariff('STANDARD'));
  });

  test('of a tariff or a DER control is a string', () => {
    const bench = new IdsBench('ocpp2.1');
    write(bench, 'a', 'SetDERControl', control('q"1'));
    const sent = write(bench, 'b', 'SetDERControl', control('q"1'));
    expect(sent).toBe(control(`busbar-${mintedFrom.toString(36)}`));
    const stop = bench.call('NotifyDERStartStop', sent);
    expect(stop.arrival.owner).toBe('b');
    expect(bench.sent('b', stop)).toBe(control('q"1'));
    expect(bench.sent('a', stop)).toBe('not_requested');
  });

  test('is refused only when every row stands in another’s way; else the oldest makes room', () => {
    const bench = new IdsBench('ocpp2.0.1');
    for (let id = 1; id <= objectsMax + 1; id += 1) write(bench, 'a', 'SetChargingProfile', profile(id));
    expect(bench.ledger.objects).toHaveLength(objectsMax);
    expect(bench.ledger.objects[0]?.id).toBe('2');
  });

  test('is never refused for profiles of transactions, of which no end is heard: the oldest of them makes room', () => {
    const bench = new IdsBench('ocpp2.0.1');
    write(bench, 'a', 'ReserveNow', '{"id":7}');
    for (const name of ['a', 'b'])
      for (let id = 1; id <= objectsMax; id += 1)
        write(bench, name, 'SetChargingProfile', profileOf('TxProfile', id));
    const next = profileOf('TxProfile', objectsMax + 1);
    expect(write(bench, 'b', 'SetChargingProfile', next)).toBe(next);
    expect(bench.ledger.objects).toHaveLength(objectsMax);
    expect(bench.ledger.objects[0]).toMatchObject({ kind: 'reservation', id: '7' });
  });

  test('of a transaction’s profile stays known once a profile for all transactions has it', () => {
    const bench = new IdsBench('ocpp2.0.1');
    write(bench, 'a', 'SetChargingProfile', profileOf('TxProfile', 1));
    write(bench, 'a', 'SetChargingProfile', profileOf('TxDefaultProfile', 1));
    for (let id = 2; id <= objectsMax + 1; id += 1)
      write(bench, 'a', 'SetChargingProfile', profileOf('TxProfile', id));
    expect(bench.ledger.objects.map(({ id }) => id)).toContain('1');
    expect(bench.ledger.objects.map(({ id }) => id)).not.toContain('2');
  });
});

describe('what the station reports of them', () => {
  test('is in the reader’s own numbers, and nothing is shown twice', () => {
    const bench = new IdsBench('ocpp2.0.1');
    write(bench, 'a', 'SetChargingProfile', profile(5));
    write(bench, 'b', 'SetChargingProfile', profile(5));
    const asked = bench.command(
      'b',
      'GetChargingProfiles',
      '{"requestId":1,"chargingProfile":{"chargingProfileId":[5]}}',
    );
    expect(asked).toMatchObject({
      payload: `{"requestId":1,"chargingProfile":{"chargingProfileId":[${minted}]}}`,
    });
    const report = bench.call(
      'ReportChargingProfiles',
      `{"requestId":1,"chargingProfile":[{"id":${minted}},{"id":5},{"id":8}]}`,
    );
    expect(bench.sent('b', report)).toBe(
      `{"requestId":1,"chargingProfile":[{"id":5},{"id":${minted}},{"id":8}]}`,
    );
  });

  test('of display messages too', () => {
    const bench = new IdsBench('ocpp2.0.1');
    write(bench, 'a', 'SetDisplayMessage', '{"message":{"id":1}}');
    write(bench, 'b', 'SetDisplayMessage', '{"message":{"id":1}}');
    bench.command('b', 'GetDisplayMessages', '{"requestId":9}');
    const report = bench.call('NotifyDisplayMessages', `{"requestId":1,"messageInfo":[{"id":${minted}}]}`);
    expect(bench.sent('b', report)).toBe('{"requestId":9,"messageInfo":[{"id":1}]}');
  });
});

describe('a reservation', () => {
  test('is named in a 1.6 start only to who made it, and used up by it (H20)', () => {
    const bench = new IdsBench('ocpp1.6');
    write(bench, 'b', 'ReserveNow', '{"reservationId":3}');
    const start = bench.call('StartTransaction', '{"connectorId":1,"reservationId":3 , "idTag":"T"}');
    expect(bench.sent('a', start)).toBe('{"connectorId":1,"idTag":"T"}');
    expect(bench.sent('b', start)).toBe('{"connectorId":1,"reservationId":3 , "idTag":"T"}');
    expect(bench.ledger.objects[0]?.state).toBe('ended');
  });

  test('is named in a 2.x event only to who made it; its updates go there alone', () => {
    const bench = new IdsBench('ocpp2.0.1');
    write(bench, 'a', 'ReserveNow', '{"id":3}');
    write(bench, 'b', 'ReserveNow', '{"id":3}');
    const call = bench.call('TransactionEvent', started(`,"reservationId":${minted}`));
    expect(bench.sent('b', call)).toBe(started(',"reservationId":3'));
    expect(bench.sent('a', call)).toBe(started(''));
    const update = bench.call(
      'ReservationStatusUpdate',
      '{"reservationId":3,"reservationUpdateStatus":"Expired"}',
    );
    expect(update.arrival.owner).toBe('a');
    expect(bench.sent('b', update)).toBe('not_requested');
    expect(bench.ledger.objects.map(({ state }) => state)).toEqual(['ended', 'ended']);
  });

  test('from before Busbar is the primary’s', () => {
    const bench = new IdsBench('ocpp1.6');
    const start = bench.call('StartTransaction', '{"connectorId":1,"reservationId":3}');
    expect(bench.sent('a', start)).toBe('{"connectorId":1,"reservationId":3}');
    expect(bench.sent('b', start)).toBe('{"connectorId":1}');
  });
});

test('a tariff in an Authorize answer is mapped like one that was set', () => {
  const bench = new IdsBench('ocpp2.1');
  write(bench, 'b', 'SetDefaultTariff', '{"evseId":0,"tariff":{"tariffId":"T"}}');
  const call = bench.call('Authorize', '{"idToken":{}}');
  const answer = bench.answer('a', call, '{"tariff":{"tariffId":"T"}}');
  const ext = `busbar-${mintedFrom.toString(36)}`;
  expect(answer.payload).toBe(`{"tariff":{"tariffId":"${ext}"}}`);
  const event = bench.call(
    'TransactionEvent',
    `{"eventType":"Started","transactionInfo":{"transactionId":"t","tariffId":"${ext}"}}`,
  );
  expect(bench.sent('a', event)).toContain('"tariffId":"T"');
  expect(bench.sent('b', event)).not.toContain('tariffId');
});

test('tariffs of drivers, of which no end is heard, make nothing forgotten that is to stay', () => {
  const bench = new IdsBench('ocpp2.1');
  write(bench, 'a', 'SetDefaultTariff', tariff('T0'));
  write(bench, 'b', 'ReserveNow', '{"id":3}');
  for (let number = 0; number <= objectsMax; number += 1) {
    const call = bench.call('Authorize', '{"idToken":{}}');
    bench.answer('a', call, `{"tariff":{"tariffId":"T${number}"}}`);
  }
  const kept = bench.ledger.objects.filter(({ kind, id }) => kind === 'reservation' || id === 'T0');
  expect(kept).toHaveLength(2);
  const start = bench.call('TransactionEvent', started(',"reservationId":3'));
  expect(bench.sent('a', start)).toBe(started(''));
});
