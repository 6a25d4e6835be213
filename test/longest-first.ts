/**
 * The order of the test files: those that take a minute or more begin first, so that none of them is left to run alone in the end.
 *
 * The runner would otherwise begin with the largest files, and kill -9 is tested by a small one.
 */
import { relative } from 'node:path';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** By how long they take on two cores. */
export const longest: readonly string[] = [
  'test/sim/seeds.test.ts',
  'test/integration/kill.test.ts',
  'test/integration/cover-kill.test.ts',
  'test/sim/sabotage.test.ts',
];

export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const root = this.ctx.config.root;
    const rank = ({ moduleId }: TestSpecification): number => {
      const at = longest.indexOf(relative(root, moduleId));
      return at === -1 ? longest.length : at;
    };
    return (await super.sort(files)).toSorted((one, other) => rank(one) - rank(other));
  }
}
