import { expect, test } from 'vitest';
import { withoutAsked, writtenBy } from './asked-settings.ts';
import { readPayload } from './payload.ts';

const result = (component: string, name: string, attributeStatus: string) => ({
  attributeStatus,
  component: { name: component },
  variable: { name },
});

test('what a backend wrote is told by the station’s answer, variable by variable', () => {
  const setVariableResult = [
    result('SampledDataCtrlr', 'TxUpdatedInterval', 'Accepted'),
    result('ClockCtrlr', 'TimeZone', 'Rejected'),
    result('TxCtrlr', 'EVConnectionTimeOut', 'RebootRequired'),
  ];
  const written = writtenBy(
    'SetVariables',
    readPayload('{}'),
    readPayload(JSON.stringify({ setVariableResult })),
  );
  expect(written).toEqual([
    { component: 'SampledDataCtrlr', key: 'TxUpdatedInterval' },
    { component: 'TxCtrlr', key: 'EVConnectionTimeOut' },
  ]);
  const asked = [
    { component: 'sampleddatactrlr', key: 'txupdatedinterval', value: '1' },
    { component: null, key: 'TxUpdatedInterval', value: '1' },
  ];
  expect(withoutAsked(asked, written)).toEqual(asked.slice(1));
  expect(writtenBy('GetVariables', readPayload('{}'), readPayload('{}'))).toEqual([]);
});
