/**
 * The actions that make up most of the traffic, so that a frame's action need not be a new text.
 *
 * Pure. An action cut out of a frame has to be hashed, and looked for among all texts that the engine knows, by the first who asks a set or map for it; a
 * constant is hashed once in a process. An action that is not here costs that and nothing else. OCPP 1.6 §4 and §5, 2.x Part 2.
 */
const frequent = [
  'Authorize',
  'BootNotification',
  'ChangeAvailability',
  'ChangeConfiguration',
  'ClearChargingProfile',
  'DataTransfer',
  'DiagnosticsStatusNotification',
  'FirmwareStatusNotification',
  'GetCompositeSchedule',
  'GetConfiguration',
  'GetVariables',
  'Heartbeat',
  'LogStatusNotification',
  'MeterValues',
  'NotifyEvent',
  'NotifyReport',
  'RemoteStartTransaction',
  'RemoteStopTransaction',
  'RequestStartTransaction',
  'RequestStopTransaction',
  'Reset',
  'SecurityEventNotification',
  'SetChargingProfile',
  'SetVariables',
  'StartTransaction',
  'StatusNotification',
  'StopTransaction',
  'TransactionEvent',
  'TriggerMessage',
  'UnlockConnector',
] as const;

/** By length: few share one. */
const byLength: string[][] = [];
for (const action of frequent) (byLength[action.length] ??= []).push(action);

/** The constant that stands between two places of the text, or null. */
export function frequentActionAt(text: string, start: number, end: number): string | null {
  const candidates = byLength[end - start];
  if (candidates === undefined) return null;
  for (const action of candidates) if (text.startsWith(action, start)) return action;
  return null;
}
