/**
 * A process that is an observer's backend, and as bad a one as it is told.
 *
 *     node bench/rig/observer.ts healthy|slow|hostile
 *
 * Not pure. Apart from the load, so that its work delays no message that is measured.
 */
import { loadManners, startLoadBackend } from './load-backend.ts';
import type { LoadAnswer } from './load-protocol.ts';

const manner = loadManners.find((one) => one === process.argv[2]);
if (manner === undefined) throw new Error(`not one of ${loadManners.join(', ')}: ${process.argv[2]}`);
const { port } = await startLoadBackend(manner);
process.once('disconnect', () => process.exit(0));
process.send?.({ backendPort: port } satisfies LoadAnswer);
