import { defineConfig } from 'vitest/config';
import { LongestFirst } from './test/longest-first.ts';

// oxlint-disable-next-line import/no-default-export -- vitest reads the default export
export default defineConfig({
  test: {
    pool: 'forks',
    // As Busbar itself (docs/adr/0030-one-helper-thread.md): there are more workers than cores already.
    execArgv: ['--v8-pool-size=1'],
    maxWorkers: 3,
    sequence: { sequencer: LongestFirst },
    testTimeout: 60_000,
    hookTimeout: 60_000,
    reporters: ['default'],
    projects: [
      {
        extends: true,
        // What lies beside the code it tests opens nothing and leaves nothing behind: files may share a process, and need not load everything anew.
        test: { name: 'unit', include: ['src/**/*.test.ts'], isolate: false },
      },
      {
        extends: true,
        test: { name: 'whole', include: ['test/**/*.test.ts'], globalSetup: 'test/compile-cache.ts' },
      },
    ],
  },
});
