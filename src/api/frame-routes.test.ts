import { expect, test } from 'vitest';
import type { StationId } from '../protocol/station-id.ts';
import { presentFrame } from './frame-routes.ts';

const shown = (action: string | null, text: string): string =>
  presentFrame({
    position: 1,
    at: 0,
    station: 'CP-1' as StationId,
    link: 'station',
    direction: 'out',
    kind: 'call',
    messageId: 'a',
    action,
    text,
    outcome: null,
    latencyMs: null,
  }).text;

test('a frame is shown without the passwords that it writes or gives away', () => {
  expect(
    shown(
      'ChangeConfiguration',
      '[2, "a","ChangeConfiguration",{"key":"AuthorizationKey","value":"hunter2"}]',
    ),
  ).toBe('[2, "a","ChangeConfiguration",{"key":"AuthorizationKey","value":"***"}]');
  expect(
    shown('GetConfiguration', '[3,"a",{"configurationKey":[{"key":"AuthorizationKey","value":"hunter2"}]}]'),
  ).toBe('[3,"a",{"configurationKey":[{"key":"AuthorizationKey","value":"***"}]}]');
  const plain = '[2,"a", "ChangeConfiguration",{"key":"HeartbeatInterval", "value":"1.0"}]';
  expect(shown('ChangeConfiguration', plain)).toBe(plain);
  expect(shown('ChangeConfiguration', '[4,"a","GenericError","hunter2 is short",{}]')).not.toContain(
    'hunter2',
  );
  expect(shown('UpdateFirmware', '[2,"a","UpdateFirmware",{"location":"https://a/?sig=hunter2"}]')).toBe(
    '[2,"a","UpdateFirmware",{"location":"https://a/?***"}]',
  );
  expect(shown(null, '[3,"a",{"configurationKey":[{"key":"AuthorizationKey","value":"hunter2"}]}]')).toBe(
    '[3,"a",{"configurationKey":[{"key":"AuthorizationKey","value":"***"}]}]',
  );
});
