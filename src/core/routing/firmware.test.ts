import { expect, test } from 'vitest';
import { compareFirmware, parseFirmwareCondition } from './firmware.ts';

function meets(firmware: string, text: string): boolean {
  const condition = parseFirmwareCondition(text);
  if (!condition.ok) throw new Error(`not a condition: ${text}`);
  return compareFirmware(firmware, condition.value);
}

test('versions are compared as people read them', () => {
  expect(meets('1.10', '>=1.9')).toBe(true);
  expect(meets('1.8', '<1.8.1')).toBe(true);
  expect(meets('1.8', '>=1.8')).toBe(true);
  expect(meets('1.8', '>1.8')).toBe(false);
  expect(meets('01.08', '<=1.8')).toBe(true);
  expect(meets('2.0.0-beta', '>2.0.0')).toBe(true);
  expect(meets('v1.9', '>=1.8')).toBe(true);
  expect(meets('V1.9', '<v1.10')).toBe(true);
  expect(meets('R2.0', '>=1.8')).toBe(false);
});

test('without a comparison it is a pattern', () => {
  expect(meets('1.8.4', '1.8.*')).toBe(true);
  expect(meets('1.9.0', '1.8.*')).toBe(false);
  expect(meets('1.8', '1.8')).toBe(true);
});

test('a condition without a version is none', () => {
  for (const text of ['', '  ', '>=', '< '])
    expect(parseFirmwareCondition(text)).toEqual({ ok: false, fault: 'empty' });
});
