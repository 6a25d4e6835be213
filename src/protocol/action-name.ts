/**
 * What may be the name of an OCPP action, known or not.
 *
 * Pure.
 */

/** Whether it could be the name of an OCPP action. */
export function isActionName(text: string): boolean {
  return /^[A-Za-z][A-Za-z0-9]{0,63}$/.test(text);
}
