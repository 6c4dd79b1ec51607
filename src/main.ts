/** argv → command → exit code. */
import { existsSync } from 'node:fs';
import { inspect } from 'node:util';
import { Command as Commander, CommanderError } from 'commander';
import manifest from '../package.json' with { type: 'json' };
import { canCommand } from './commands/can.ts';
import { check } from './commands/check.ts';
import type { Command, Io } from './commands/command.ts';
import { completion } from './commands/completion.ts';
import { config } from './commands/config.ts';
import { demo } from './commands/demo.ts';
import { diagnoses } from './commands/diagnoses.ts';
import { explain } from './commands/explain.ts';
import { exportStore } from './commands/export.ts';
import { generate } from './commands/generate.ts';
import { importStore } from './commands/import.ts';
import { lint } from './commands/lint.ts';
import { policy } from './commands/policy.ts';
import { posture } from './commands/posture.ts';
import { rules } from './commands/rules.ts';
import { serve } from './commands/serve.ts';
import { simulate } from './commands/simulate.ts';
import { safe } from './commands/terminal.ts';
import { test } from './commands/test.ts';
import { InvalidInput, type Place, Unavailable } from './errors.ts';

/** In the order of the help. */
export const COMMANDS: readonly Command[] = [
  explain,
  policy,
  canCommand,
  simulate,
  test,
  generate,
  lint,
  posture,
  check,
  diagnoses,
  demo,
  rules,
  serve,
  config,
  exportStore,
  importStore,
  completion,
];

const EXIT = { done: 0, bug: 1, invalidInput: 2, unavailable: 3 } as const;

const EXAMPLES = `
Examples:
  $ kubectl logs -n shop deploy/cart -c linkerd-proxy \\
      | denywhy explain -n shop deploy/cart --cluster dump.yaml
  $ denywhy policy -n shop deploy/cart
  $ denywhy check
  $ denywhy demo

Exit codes:
  0  done
  1  done, and the answer is no; or a bug
  2  the command line or the input is wrong
  3  something outside is unavailable
  4  denywhy can: neither yes nor no
`;

const BUG_REMEDY = `Please report it: the command you ran, this message, and what was read if it may be shown.
DENYWHY_DEBUG=1 denywhy … prints where it happened.`;

/**
 * Runs the program with `args` (without `node` and the script) and resolves to its exit code; never rejects.
 * `commands` are those that exist; tests bring their own.
 */
export async function main(args: readonly string[], io: Io, commands: readonly Command[] = COMMANDS): Promise<number> {
  let exitCode: number = EXIT.done;
  const program = new Commander('denywhy')
    .description(manifest.description)
    .version(manifest.version)
    .addHelpText('after', EXAMPLES)
    .exitOverride()
    .configureOutput({
      writeOut: (text) => io.stdout.write(text),
      writeErr: (text) => io.stderr.write(text),
      outputError: () => {},
      getOutHelpWidth: () => io.columns,
      getErrHelpWidth: () => io.columns,
    });
  for (const command of commands) {
    const subcommand = program.command(command.name);
    command.register(subcommand);
    subcommand.action(async () => {
      exitCode = await command.run(subcommand, io);
    });
  }
  try {
    if (args.length === 0) program.help({ error: true });
    await program.parseAsync(asked(program, args), { from: 'user' });
    return exitCode;
  } catch (error) {
    if (error instanceof CommanderError) return reportUsage(error, program, args, io);
    return report(error, io);
  }
}

/** `bogus --help` is asked as `bogus`: help of the program would pass for help of what does not exist. */
function asked(program: Commander, args: readonly string[]): readonly string[] {
  const [name = ''] = args;
  const isKnown = name.startsWith('-') || name === 'help' || program.commands.some((command) => command.name() === name);
  return isKnown ? args : [name];
}

function reportUsage(error: CommanderError, program: Commander, args: readonly string[], io: Io): number {
  if (error.exitCode === EXIT.done) return EXIT.done;
  // Commander has printed the usage itself.
  if (error.code === 'commander.help') return EXIT.invalidInput;
  const subcommand = program.commands.find((command) => command.name() === args[0]);
  const usage = subcommand === undefined ? `denywhy ${program.usage()}` : `denywhy ${subcommand.name()} ${subcommand.usage()}`;
  const help = subcommand === undefined ? 'denywhy --help' : `denywhy ${subcommand.name()} --help`;
  return report(new InvalidInput(error.message.replace('error: ', ''), `Usage: ${usage}\nAll of it: ${help}`), io);
}

/** Says on stderr what went wrong and what to do, and returns the exit code that stands for it. */
function report(error: unknown, io: Io): number {
  const debug = io.env['DENYWHY_DEBUG'] === '1';
  if (error instanceof InvalidInput) {
    say(io, `${showPlace(error.place)}${error.message}`, debug ? inspect(error) : error.remedy);
    return EXIT.invalidInput;
  }
  if (error instanceof Unavailable) {
    say(io, error.message, debug ? inspect(error) : error.remedy);
    return EXIT.unavailable;
  }
  const message = error instanceof Error ? error.message : String(error);
  say(io, `this is a bug in denywhy ${manifest.version}: ${message}`, debug ? inspect(error) : BUG_REMEDY);
  return EXIT.bug;
}

/** `denywhy: <message>`, further lines indented. Text from outside may stand in both: control characters are shown escaped. */
function say(io: Io, message: string, remedy: string): void {
  const lines = [...`denywhy: ${message}`.split('\n'), ...remedy.split('\n')].filter((line) => line !== '');
  io.stderr.write(`${lines.map((line, index) => (index === 0 ? '' : '  ') + safe(line)).join('\n')}\n`);
}

function showPlace(place: Place | null): string {
  if (place === null) return '';
  const parts = [place.file, place.line, place.column].filter((part) => part !== undefined);
  return parts.length === 0 ? '' : `${parts.join(':')}: `;
}

/** Runs the program in this process: real streams, environment and clock. */
export async function start(): Promise<void> {
  goWhereNpmWasCalled(process.env);
  const io: Io = {
    stdin: process.stdin,
    stdout: process.stdout,
    stderr: process.stderr,
    env: process.env,
    now: Date.now(),
    isTTY: { stdin: process.stdin.isTTY === true, stdout: process.stdout.isTTY === true, stderr: process.stderr.isTTY === true },
    columns: process.stdout.columns ?? 80,
  };
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', (error: NodeJS.ErrnoException) => {
      // The reader went away (`denywhy … | head`): nobody is left to tell.
      if (error.code === 'EPIPE') process.exit(EXIT.done);
      const what = error.code === 'ENOSPC' ? 'there is no room left' : (error.code ?? error.message);
      process.exit(report(new Unavailable(`the answer cannot be written: ${what}.`, 'Send it elsewhere, or make room.'), io));
    });
  }
  process.on('uncaughtException', (error) => process.exit(report(error, io)));
  process.exitCode = await main(process.argv.slice(2), io);
  // A command that failed halfway through a pipe must not wait for the rest of it.
  process.stdin.destroy();
}

/** `npm run` starts scripts at the root of the checkout; paths of a command line are meant where it was typed. */
function goWhereNpmWasCalled({ npm_lifecycle_event: script, INIT_CWD: directory }: NodeJS.ProcessEnv): void {
  if (directory !== undefined && (script === 'denywhy' || script === 'demo') && existsSync(directory)) process.chdir(directory);
}

if (import.meta.main) await start();
