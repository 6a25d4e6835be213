/**
 * Examples at the end of a verb's help. Every verb has one; a test looks.
 */
import type { Command } from 'commander';

/** Adds command lines, without the prompt, as they would be typed. */
export function addExamples(command: Command, ...lines: readonly string[]): Command {
  const title = lines.length === 1 ? 'Example:' : 'Examples:';
  return command.addHelpText('after', `\n${title}\n${lines.map((line) => `  $ ${line}`).join('\n')}`);
}
