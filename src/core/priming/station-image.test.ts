import { describe, expect, test } from 'vitest';
import { connectorsIn, emptyImage, learn } from './station-image.ts';

const status = (connectorStatus: string): string =>
  `{"timestamp":"2026-01-01T00:00:00Z","connectorStatus":"${connectorStatus}","evseId":1,"connectorId":1}`;

const event = (actualValue: string, component = 'Connector'): string =>
  `{"generatedAt":"2026-01-01T00:00:00Z","seqNo":0,"eventData":[{"eventId":1,"timestamp":"2026-01-01T00:00:00Z","trigger":"Delta","actualValue":"${actualValue}","eventNotificationType":"HardWiredNotification","component":{"name":"${component}","evse":{"id":1,"connectorId":1}},"variable":{"name":"AvailabilityState"}}]}`;

/** What a backend that joins is told, in order. */
function toldAfter(...said: readonly (readonly ['StatusNotification' | 'NotifyEvent', string])[]): string[] {
  const image = emptyImage();
  for (const [action, payload] of said) learn(image, 'ocpp2.1', action, payload, 0);
  return image.statuses.map(({ action, payload }) => `${action} ${/Available|Occupied/.exec(payload)?.[0]}`);
}

describe('a station that tells a connector by events and, when it is triggered, by a status', () => {
  test('has one last word on it, whichever came last', () => {
    const [available, occupied] = [status('Available'), event('Occupied')];
    expect(
      toldAfter(
        ['NotifyEvent', event('Available')],
        ['StatusNotification', available],
        ['NotifyEvent', occupied],
      ),
    ).toEqual(['NotifyEvent Occupied']);
    expect(toldAfter(['NotifyEvent', occupied], ['StatusNotification', available])).toEqual([
      'StatusNotification Available',
    ]);
  });

  test('names the connector the same in both, so that what waits of the one makes way for the other', () => {
    expect(connectorsIn('NotifyEvent', event('Occupied'))).toEqual(
      connectorsIn('StatusNotification', status('Available')),
    );
  });

  test('tells the state of the EVSE beside that of its connector', () => {
    expect(
      toldAfter(['NotifyEvent', event('Occupied', 'EVSE')], ['StatusNotification', status('Available')]),
    ).toEqual(['NotifyEvent Occupied', 'StatusNotification Available']);
  });
});
