import { parentPort } from 'node:worker_threads';
parentPort?.on('message', () => {
  // As a system call that a disk does not end.
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 20_000);
});
