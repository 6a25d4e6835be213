/** What is learnt again of a station whose process ended before it was saved. */
import { expect, test } from 'vitest';
import { Outage } from '../../testkit/outage-bench.ts';
import type { StationId } from '../../protocol/station-id.ts';
import type { DurableStation } from '../journal/record.ts';
import { relearn } from './relearn.ts';

const copy = (durable: DurableStation): DurableStation => structuredClone(durable);
const again = (saved: DurableStation, outage: Outage): ReadonlySet<StationId> =>
  relearn(new Map([[outage.state.id, saved]]), outage.records);

function status(now: string, connectorId = 1): object {
  return { connectorId, errorCode: 'NoError', status: now, timestamp: '2026-01-01T00:00:00Z' };
}

function living(): { outage: Outage; saved: DurableStation } {
  const outage = new Outage();
  outage.begin();
  outage.say('StatusNotification', status('Available'));
  const saved = copy(outage.state.durable);
  outage.goDown();
  outage.say('StatusNotification', status('Preparing'));
  outage.say('StatusNotification', status('Faulted', 2));
  outage.say('FirmwareStatusNotification', { status: 'Installing' });
  return { outage, saved };
}

test('what was said after the last save is known again, and learning it twice changes nothing', () => {
  const { outage, saved } = living();
  const { image } = outage.state.durable;
  expect(saved.image).not.toEqual(image);
  expect(again(saved, outage)).toEqual(new Set([outage.state.id]));
  expect(saved.image).toEqual(image);
  again(saved, outage);
  expect(saved.image).toEqual(image);
  expect(image).toMatchObject({ firmware: 'Installing', boot: { number: 1 } });
});

test('a save that has it all stays as it is, also where the boot changed to and fro', () => {
  const { outage } = living();
  const boot = { chargePointVendor: 'V', chargePointModel: 'M' };
  outage.say('BootNotification', { ...boot, firmwareVersion: '2' });
  outage.say('BootNotification', boot);
  const saved = copy(outage.state.durable);
  again(saved, outage);
  expect(saved.image).toEqual(outage.state.durable.image);
  expect(saved.image.boot?.number).toBe(3);
});

test('nothing but the image, the settings and the version is learnt again', () => {
  const { outage } = living();
  outage.start(1, 3);
  const { image, inventory, version, lastSeenAt, ...rest } = copy(outage.state.durable);
  const saved = { image, inventory, version, lastSeenAt, ...rest };
  again(saved, outage);
  expect(saved).toMatchObject(rest);
});

test('settings that a command has changed are known again', () => {
  const outage = new Outage();
  outage.begin();
  const saved = copy(outage.state.durable);
  outage.fromBackend('[2,"c","ChangeConfiguration",{"key":"MeterValueSampleInterval","value":"60"}]');
  const asked = outage.records.find(
    (record) => record.type === 'frame' && record.action === 'ChangeConfiguration',
  );
  if (asked?.type !== 'frame') throw new Error('the command was relayed');
  outage.fromStation(`[3,${asked.relayedIdToken ?? ''},{"status":"Accepted"}]`);
  again(saved, outage);
  expect(Object.keys(saved.inventory.settings)).toHaveLength(1);
  expect(saved.inventory).toEqual(outage.state.durable.inventory);
});

test('what was said before the last link is in the save, and is not brought back where that said it anew', () => {
  const outage = new Outage();
  outage.begin();
  outage.say('StatusNotification', status('Available'));
  outage.do({ type: 'station_lost', epoch: 1, code: null, reason: 'gone' });
  outage.arrive(2, true, ['ocpp2.0.1']);
  outage.say('BootNotification', { reason: 'PowerUp', chargingStation: { vendorName: 'V', model: 'M' } });
  const saved = copy(outage.state.durable);
  expect(saved.image.statuses).toEqual([]);
  expect(again(saved, outage)).toEqual(new Set());
  expect(saved.image).toEqual(outage.state.durable.image);
});

test('of a station that is not known any more nothing is learnt', () => {
  const { outage } = living();
  expect(relearn(new Map(), outage.records)).toEqual(new Set());
});
