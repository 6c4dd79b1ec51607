/** What a command is: a name, the arguments it declares, and what it does with them. */
import type { Readable, Writable } from 'node:stream';
import type { Command as Subcommand } from 'commander';
import type { Instant } from '../policy/resource.ts';

/** The world as one run of the program sees it. Everything a command reads or writes beside its drivers comes from here. */
export interface Io {
  readonly stdin: Readable;
  readonly stdout: Writable;
  readonly stderr: Writable;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** When the program was started. */
  readonly now: Instant;
  /** Which of the streams is a terminal with a person before it. */
  readonly isTTY: { readonly stdin: boolean; readonly stdout: boolean; readonly stderr: boolean };
  /** Width of the terminal; 80 where stdout is none. */
  readonly columns: number;
}

/** One command, one file of this room, one entry of the list in main.ts. */
export interface Command {
  readonly name: string;
  /** Declares description, arguments, options and examples on the subcommand that was made for it. */
  register(subcommand: Subcommand): void;
  /**
   * Does the work: `subcommand.args` and `subcommand.opts()` hold what was parsed. Resolves to the exit code.
   * Errors: InvalidInput (exit code 2), Unavailable (3); anything else is a bug.
   */
  run(subcommand: Subcommand, io: Io): Promise<number>;
}
