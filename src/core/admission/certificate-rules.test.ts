import { expect, test } from 'vitest';
import { certificateFault, type CertificateFacts } from './certificate-rules.ts';

const good: CertificateFacts = { chainFault: null, commonNames: ['SN-1'], validFromMs: 100, validToMs: 200 };

test('a certificate that verified, is valid now and has the registered name is right', () => {
  expect(certificateFault(good, 'SN-1', 100)).toBeNull();
  expect(certificateFault(good, 'SN-1', 200)).toBeNull();
});

test.each([
  ['none', null, 'missing'],
  ['an unverified chain', { ...good, chainFault: 'CERT_HAS_EXPIRED' }, 'not_verified'],
  ['one that is over', { ...good, validToMs: 149 }, 'not_valid_now'],
  ['one that is not yet valid', { ...good, validFromMs: 151 }, 'not_valid_now'],
  ['one without a readable date', { ...good, validToMs: Number.NaN }, 'not_valid_now'],
  ['another name', { ...good, commonNames: ['SN-2'] }, 'other_name'],
  ['another case', { ...good, commonNames: ['sn-1'] }, 'other_name'],
  ['no name', { ...good, commonNames: [] }, 'other_name'],
  ['two names', { ...good, commonNames: ['SN-1', 'SN-2'] }, 'other_name'],
])('%s is refused', (_name, certificate, fault) => {
  expect(certificateFault(certificate, 'SN-1', 150)).toBe(fault);
});
