/**
 * Conditions on a firmware version, such as `>=1.8`.
 *
 * Pure. Firmware strings follow no standard, so they are compared as people read them: runs of digits by value, the rest as text, a missing part
 * before any other, a `v` in front for nothing. `1.10` is after `v1.9`; `1.8` is before `1.8.1`.
 */
import { fail, ok, type Result } from '../../std/result.ts';
import { matchesPattern } from './pattern.ts';

export type FirmwareCondition =
  | { readonly compare: '<' | '<=' | '>' | '>='; readonly version: string }
  | { readonly compare: 'like'; readonly pattern: string };

/** Reads `>=1.8`, `<2`, or a pattern such as `1.8.*`. */
export function parseFirmwareCondition(text: string): Result<FirmwareCondition, 'empty'> {
  const match = /^(<=|>=|<|>)?\s*(.*)$/.exec(text.trim());
  const version = match?.[2] ?? '';
  if (version === '') return fail('empty');
  const compare = match?.[1] as '<' | '<=' | '>' | '>=' | undefined;
  return ok(compare === undefined ? { compare: 'like', pattern: version } : { compare, version });
}

/** Whether a station's firmware meets the condition. */
export function compareFirmware(firmware: string, condition: FirmwareCondition): boolean {
  if (condition.compare === 'like') return matchesPattern(condition.pattern, firmware);
  const order = orderOf(firmware, condition.version);
  switch (condition.compare) {
    case '<':
      return order < 0;
    case '<=':
      return order <= 0;
    case '>':
      return order > 0;
    case '>=':
      return order >= 0;
  }
}

function orderOf(left: string, right: string): number {
  const leftParts = partsOf(left);
  const rightParts = partsOf(right);
  for (let at = 0; at < Math.max(leftParts.length, rightParts.length); at += 1) {
    const order = orderOfParts(leftParts[at], rightParts[at]);
    if (order !== 0) return order;
  }
  return 0;
}

function partsOf(version: string): string[] {
  return version.replace(/^v(?=\d)/i, '').match(/\d+|[^\d.\s_-]+/g) ?? [];
}

function orderOfParts(left: string | undefined, right: string | undefined): number {
  if (left === right) return 0;
  if (left === undefined) return -1;
  if (right === undefined) return 1;
  const leftIsNumber = /^\d/.test(left);
  const rightIsNumber = /^\d/.test(right);
  if (leftIsNumber && rightIsNumber) return Number(left) - Number(right);
  if (leftIsNumber !== rightIsNumber) return leftIsNumber ? 1 : -1;
  return left < right ? -1 : 1;
}
