/**
 * The outcome of something that a peer, a disk or an operator can make fail.
 *
 * Pure. A fault is a value here, never a throw: `throw` is kept for our own bugs (see assert.ts).
 */
export type Result<Value, Fault> =
  | { readonly ok: true; readonly value: Value }
  | { readonly ok: false; readonly fault: Fault };

/** Wraps a value that was obtained. */
export function ok<Value>(value: Value): { readonly ok: true; readonly value: Value } {
  return { ok: true, value };
}

/** Wraps the reason why there is no value. */
export function fail<Fault>(fault: Fault): { readonly ok: false; readonly fault: Fault } {
  return { ok: false, fault };
}
