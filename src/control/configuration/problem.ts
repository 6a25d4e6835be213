/**
 * What is wrong with a configuration, said so that it can be mended: file, line, key, what and why, what to do.
 *
 * Pure.
 */

/** Keys and positions from the top of a file. */
export type KeyPath = readonly (string | number)[];

export interface ConfigurationProblem {
  /** As the operator named it, or as the file that names it did. */
  readonly file: string;
  /** From 1; null when the value is not from a file or the file could not be read. */
  readonly line: number | null;
  /** Such as `routes[0].primary`; empty for the file as a whole. */
  readonly key: string;
  /** What is wrong and why; what to do. Holds no secret. */
  readonly text: string;
}

/** `busbar.yaml:12: routes[0].primary: …`. */
export function formatProblem(problem: ConfigurationProblem): string {
  const place = problem.line === null ? problem.file : `${problem.file}:${problem.line}`;
  return problem.key === '' ? `${place}: ${problem.text}` : `${place}: ${problem.key}: ${problem.text}`;
}

/** Takes problems of one file. */
export interface Report {
  /** `what` is wrong and why, without a full stop; `remedy` is what to do. */
  add(path: KeyPath, what: string, remedy: string): void;
  /** Why the value of this key could not be read: nothing is added of what stands there instead, since nobody meant that. */
  addUnread(path: KeyPath, what: string, remedy: string): void;
  /** Whether something was said about this very key, so that its absence needs no second word. */
  has(path: KeyPath): boolean;
}

/** Collects problems, in the order of files and lines in the end. */
export class ProblemList {
  readonly #problems: ConfigurationProblem[] = [];
  /** The keys of each file that something was said about; files in their order. */
  readonly #keysSaid = new Map<string, Set<string>>();

  /** The report of one file. `lineOf` is asked once for each problem. */
  of(file: string, lineOf: (path: KeyPath) => number | null): Report {
    const said = this.#keysSaid.get(file) ?? new Set<string>();
    this.#keysSaid.set(file, said);
    const unread = new Set<string>();
    const push = (path: KeyPath, what: string, remedy: string): void => {
      const key = keyText(path);
      said.add(key);
      this.#problems.push({ file, line: lineOf(path), key, text: `${what}; ${remedy}` });
    };
    return {
      add: (path, what, remedy) => {
        if (!unread.has(keyText(path))) push(path, what, remedy);
      },
      addUnread: (path, what, remedy) => {
        unread.add(keyText(path));
        push(path, what, remedy);
      },
      has: (path) => said.has(keyText(path)),
    };
  }

  get isEmpty(): boolean {
    return this.#problems.length === 0;
  }

  sorted(): ConfigurationProblem[] {
    const files = [...this.#keysSaid.keys()];
    const order = (problem: ConfigurationProblem): number => files.indexOf(problem.file);
    return this.#problems.toSorted(
      (left, right) => order(left) - order(right) || (left.line ?? 0) - (right.line ?? 0),
    );
  }
}

/** `routes[0].actions.DataTransfer`; a name with other characters stands in brackets and quotes. */
function keyText(path: KeyPath): string {
  let text = '';
  for (const part of path) {
    if (typeof part === 'number') text += `[${part}]`;
    else if (!/^[A-Za-z0-9_-]{1,100}$/.test(part)) text += `[${JSON.stringify(part)}]`;
    else text += text === '' ? part : `.${part}`;
  }
  return text;
}
