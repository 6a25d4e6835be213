/**
 * The order of the test files: the two that take longest begin first, so that neither is left to run alone in the end.
 *
 * The runner would begin with the largest files, and both of these are small. With a third of their kind beside them, processes on two cores would start too slowly for anything to be tested in time.
 */
import { existsSync } from 'node:fs';
import { join, relative } from 'node:path';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

const longest: readonly string[] = ['test/sim/seeds.test.ts', 'test/integration/kill.test.ts'];

export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const root = this.ctx.config.root;
    for (const file of longest)
      if (!existsSync(join(root, file)))
        throw new Error(
          `test/longest-first.ts names ${file}, which is no file: name the one that takes longest now`,
        );
    const rank = ({ moduleId }: TestSpecification): number => {
      const at = longest.indexOf(relative(root, moduleId));
      return at === -1 ? longest.length : at;
    };
    return (await super.sort(files)).toSorted((one, other) => rank(one) - rank(other));
  }
}
