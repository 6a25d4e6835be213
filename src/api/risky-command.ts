/**
 * Before which commands a person is asked.
 *
 * Pure.
 */
import { concernsConnection } from '../core/commands/arbiter.ts';
import { payloadReader } from '../core/commands/payload.ts';
import { writesSecret } from '../core/commands/redact.ts';
import { ocppVersions } from '../protocol/version.ts';

/** What a command may do to the station, or null: nothing that has to be asked about. */
export function riskOf(station: string, action: string, payload: object): string | null {
  if (destructive.has(action)) return `${action} can stop charging or take ${station} out of service`;
  const text = JSON.stringify(payload);
  const read = payloadReader(text);
  // Which version the station speaks is not known here: what any of them takes for such a command counts.
  if (ocppVersions.some((version) => concernsConnection(version, action, read)))
    return `${action} can change how ${station} connects, and lose it for good`;
  return writesSecret(action, text)
    ? `${action} gives ${station} a secret, and a wrong one can lock somebody out`
    : null;
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
