/**
 * Before which commands a person is asked.
 *
 * Pure.
 */
import { redact } from '../core/commands/redact.ts';

/** What a command may do to the station, or null: nothing that has to be asked about. */
export function riskOf(station: string, action: string, payload: object): string | null {
  if (destructive.has(action)) return `${action} can stop charging or take ${station} out of service`;
  const text = JSON.stringify(payload);
  const writesSecret = redact(action, text) !== text;
  return writesSecret ? `${action} gives ${station} a secret, and a wrong one can lock it out` : null;
}

/** They stop charging, or can leave a station that has to be visited. */
const destructive: ReadonlySet<string> = new Set([
  'CertificateSigned',
  'ChangeAvailability',
  'ClearCache',
  'DeleteCertificate',
  'InstallCertificate',
  'PublishFirmware',
  'RemoteStopTransaction',
  'RequestStopTransaction',
  'Reset',
  'SendLocalList',
  'SetNetworkProfile',
  'SignedUpdateFirmware',
  'UnlockConnector',
  'UnpublishFirmware',
  'UpdateFirmware',
]);
