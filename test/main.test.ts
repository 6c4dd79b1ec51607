import { spawnSync } from 'node:child_process';
import { Readable, Writable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import manifest from '../package.json' with { type: 'json' };
import type { Command, Io } from '../src/commands/command.ts';
import { InvalidInput, Unavailable } from '../src/errors.ts';
import { main } from '../src/main.ts';

/** A command that takes one argument and one option and does what it is told. */
function command(run: Command['run']): Command {
  return {
    name: 'explain',
    register: (subcommand) => void subcommand.description('why was this denied').argument('[workload]').option('--at <time>', 'a moment'),
    run,
  };
}

const prints = command(async (subcommand, io) => {
  io.stdout.write(`${JSON.stringify([subcommand.args, subcommand.opts(), io.now, io.columns])}\n`);
  return 1;
});

const fails = (error: unknown): Command => command(() => Promise.reject(error));

function sink(): { readonly stream: Writable; readonly text: () => string } {
  const chunks: Buffer[] = [];
  const stream = new Writable({
    write(chunk: Buffer, _encoding, done) {
      chunks.push(chunk);
      done();
    },
  });
  return { stream, text: () => Buffer.concat(chunks).toString() };
}

async function run(args: readonly string[], commands: readonly Command[] = [prints], env: Io['env'] = {}) {
  const stdout = sink();
  const stderr = sink();
  const io: Io = {
    stdin: Readable.from([]),
    stdout: stdout.stream,
    stderr: stderr.stream,
    env,
    now: 1_700_000_000_000,
    isTTY: { stdin: false, stdout: false, stderr: false },
    columns: 80,
  };
  const exitCode = await main(args, io, commands);
  return { exitCode, stdout: stdout.text(), stderr: stderr.text() };
}

describe('what a person can ask for without a command', () => {
  it('--version prints the version of package.json', async () => {
    expect(await run(['--version'])).toEqual({ exitCode: 0, stdout: `${manifest.version}\n`, stderr: '' });
  });

  it('--help shows usage, commands, examples and exit codes within 80 columns', async () => {
    const { exitCode, stdout, stderr } = await run(['--help']);
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
    for (const part of ['Usage: denywhy', 'why was this denied', 'Examples:', '$ denywhy demo', 'Exit codes:'])
      expect(stdout).toContain(part);
    expect(stdout.split('\n').filter((line) => line.length > 80)).toEqual([]);
  });

  it('nothing at all shows the help on stderr and is a fault of usage', async () => {
    const { exitCode, stdout, stderr } = await run([]);
    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: '' });
    expect(stderr).toContain('Usage: denywhy');
  });
});

describe('a command', () => {
  it('gets what was parsed, and its exit code is the exit code', async () => {
    const { exitCode, stdout } = await run(['explain', 'deploy/backend', '--at', '09:28']);
    expect({ exitCode, stdout }).toEqual({ exitCode: 1, stdout: '[["deploy/backend"],{"at":"09:28"},1700000000000,80]\n' });
  });
});

describe('faults of the command line end with 2, a message and the usage', () => {
  it.each([
    {
      args: ['explian', '--help'],
      stderr: `denywhy: unknown command 'explian'
  (Did you mean explain?)
  Usage: denywhy [options] [command]
  All of it: denywhy --help
`,
    },
    {
      args: ['explian'],
      stderr: `denywhy: unknown command 'explian'
  (Did you mean explain?)
  Usage: denywhy [options] [command]
  All of it: denywhy --help
`,
    },
    {
      args: ['explain', '--att', '1'],
      stderr: `denywhy: unknown option '--att'
  (Did you mean --at?)
  Usage: denywhy explain [options] [workload]
  All of it: denywhy explain --help
`,
    },
    {
      args: ['explain', 'deploy/a', 'deploy/b'],
      stderr: `denywhy: too many arguments for 'explain'. Expected 1 argument but got 2: deploy/a, deploy/b.
  Usage: denywhy explain [options] [workload]
  All of it: denywhy explain --help
`,
    },
    {
      args: ['\u001b[2Jx\u202e'],
      stderr: `denywhy: unknown command '\\u001b[2Jx\\u202e'
  Usage: denywhy [options] [command]
  All of it: denywhy --help
`,
    },
  ])('$args', async ({ args, stderr }) => {
    expect(await run(args)).toEqual({ exitCode: 2, stdout: '', stderr });
  });
});

describe('what a command throws becomes a message and an exit code', () => {
  it.each([
    {
      title: 'InvalidInput with a place is 2',
      error: new InvalidInput('"backend" is cut off here.', '412 objects before it were read.\nWrite it again.', {
        file: 'dump.yaml',
        line: 218,
        column: 9,
      }),
      exitCode: 2,
      stderr: 'denywhy: dump.yaml:218:9: "backend" is cut off here.\n  412 objects before it were read.\n  Write it again.\n',
    },
    {
      title: 'InvalidInput without a place is 2',
      error: new InvalidInput('cannot tell whose log this is.', 'Say so:  denywhy explain -n NAMESPACE deploy/NAME'),
      exitCode: 2,
      stderr: 'denywhy: cannot tell whose log this is.\n  Say so:  denywhy explain -n NAMESPACE deploy/NAME\n',
    },
    {
      title: 'Unavailable is 3',
      error: new Unavailable('Prometheus at 127.0.0.1:9090 does not answer.', 'Is it running?'),
      exitCode: 3,
      stderr: 'denywhy: Prometheus at 127.0.0.1:9090 does not answer.\n  Is it running?\n',
    },
    {
      title: 'text from outside is shown escaped',
      error: new InvalidInput('bad name \u001b]0;owned\u0007', 'fix \u009b31m it', { file: 'a\rb.yaml' }),
      exitCode: 2,
      stderr: 'denywhy: a\\rb.yaml: bad name \\u001b]0;owned\\u0007\n  fix \\u009b31m it\n',
    },
  ])('$title', async ({ error, exitCode, stderr }) => {
    expect(await run(['explain'], [fails(error)])).toEqual({ exitCode, stdout: '', stderr });
  });

  it.each([new TypeError('x is not a function'), 'x is not a function'])(
    'anything else is a bug: 1, how to report it, and no stack',
    async (error) => {
      const { exitCode, stderr } = await run(['explain'], [fails(error)]);
      expect(exitCode).toBe(1);
      expect(stderr).toContain(`denywhy: this is a bug in denywhy ${manifest.version}: x is not a function\n  Please report it`);
      expect(stderr).not.toMatch(/^\s*at /m);
    },
  );

  it('DENYWHY_DEBUG=1 shows where it happened', async () => {
    const { exitCode, stderr } = await run(['explain'], [fails(new TypeError('x is not a function'))], { DENYWHY_DEBUG: '1' });
    expect(exitCode).toBe(1);
    expect(stderr).toMatch(/^\s+at .*main\.test\.ts/m);
  });
});

describe('as a process', () => {
  const denywhy = (script: string) =>
    spawnSync('bash', ['-c', script], {
      cwd: `${import.meta.dirname}/..`,
      encoding: 'utf8',
      env: { ...process.env, NODE: process.execPath },
    });

  it('a reader that goes away is no error', () => {
    const { status, stderr } = denywhy('(sleep 0.5; "$NODE" src/main.ts --help; echo "exit $?" >&2) | true');
    expect({ status, stderr }).toEqual({ status: 0, stderr: 'exit 0\n' });
  });

  it('the exit code arrives', () => {
    expect(denywhy('"$NODE" src/main.ts --nope').status).toBe(2);
  });
});
