import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { nodeFlags } from './launch.ts';

test('npm starts Busbar as its first line does', () => {
  const { scripts } = JSON.parse(readFileSync(join(import.meta.dirname, '../../package.json'), 'utf8')) as {
    readonly scripts: Readonly<Record<string, string>>;
  };
  const flags = nodeFlags();
  expect(flags).toContain('--v8-pool-size=1');
  expect(scripts['start']).toBe(`node ${flags.join(' ')} src/main.ts`);
  expect(scripts['demo']).toBe(`node ${flags.join(' ')} src/main.ts demo`);
});
