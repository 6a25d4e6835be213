/**
 * Whether a notification is the last that a request gives rise to.
 *
 * Pure. Reports say so by `tbc` (absent: false), progress by a status (OCPP 2.0.1 part 2 §3; 1.6 security extension §5).
 */
import { tokenAt } from '../../protocol/splice.ts';
import type { BodySpan } from './rewrite.ts';

const lastStatuses: Readonly<Record<string, readonly string[]>> = {
  LogStatusNotification: [
    'Uploaded',
    'BadMessage',
    'NotSupportedOperation',
    'PermissionDenied',
    'UploadFailure',
    'AcceptedCanceled',
  ],
  FirmwareStatusNotification: ['Installed', 'InstallationFailed', 'DownloadFailed', 'InvalidSignature'],
  SignedFirmwareStatusNotification: ['Installed', 'InstallationFailed', 'DownloadFailed', 'InvalidSignature'],
  PublishFirmwareStatusNotification: ['Published', 'DownloadFailed', 'InvalidChecksum', 'PublishFailed'],
};

/** True when nothing more comes of it. `action` is one that reports on a request. */
export function lastPartOf(action: string, text: string, span: BodySpan): boolean {
  if (action === 'BatterySwap') return says(text, span, 'eventType', ['BatteryOut', 'BatteryOutTimeout']);
  const statuses = lastStatuses[action];
  if (statuses !== undefined) return says(text, span, 'status', statuses);
  return tokenAt(text, span.bodyStart, ['tbc']) !== 'true';
}

function says(text: string, span: BodySpan, key: string, values: readonly string[]): boolean {
  const token = tokenAt(text, span.bodyStart, [key]);
  return token !== null && values.includes(token.slice(1, -1));
}
