/**
 * The attacker's own thread, so that its floods do not hold up the event loop in which the good stations are measured.
 *
 * Told `{ attack, target, seconds }`, it answers with the tally; the port of the hostile backends comes first.
 */
import { parentPort } from 'node:worker_threads';
import { attack, attacks, type AttackName } from '../../src/testkit/attacks.ts';
import { startHostileBackend } from '../../src/testkit/attacks-backend.ts';
import type { Tally, Target } from '../../src/testkit/attacks-raw.ts';

export interface AttackOrder {
  readonly name: AttackName;
  readonly target: Target;
  readonly seconds: number;
}

export type AttackReport =
  | { readonly type: 'ready'; readonly backendPort: number }
  | { readonly type: 'done'; readonly tally: Tally };

const backend = await startHostileBackend();
parentPort?.on('message', (order: AttackOrder) => {
  void attack(attacks[order.name], order.target, order.seconds).then((tally) =>
    report({ type: 'done', tally }),
  );
});
report({ type: 'ready', backendPort: backend.port });

function report(message: AttackReport): void {
  parentPort?.postMessage(message, []);
}
