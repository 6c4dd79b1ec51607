/** Help that can be trusted: every example of every command is a command line that is understood. */
import { Readable, Writable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import type { Command } from '../../src/commands/command.ts';
import { COMMANDS, main } from '../../src/main.ts';

/** The same commands, which do nothing. */
const IDLE: readonly Command[] = COMMANDS.map((command) => ({ ...command, run: async () => 0 }));

async function run(args: readonly string[], commands: readonly Command[] = IDLE) {
  let [stdout, stderr] = ['', ''];
  const sink = (to: (text: string) => void) =>
    new Writable({
      write(chunk: Buffer, _, done) {
        to(chunk.toString());
        done();
      },
    });
  const exitCode = await main(
    args,
    {
      stdin: Readable.from([]),
      stdout: sink((text) => {
        stdout += text;
      }),
      stderr: sink((text) => {
        stderr += text;
      }),
      env: {},
      now: 0,
      isTTY: { stdin: false, stdout: false, stderr: false },
      columns: 80,
    },
    commands,
  );
  return { exitCode, stdout, stderr };
}

/** The words behind each `denywhy` of the lines that begin with `$`; lines that end in a backslash go on. */
function examplesIn(help: string): readonly (readonly string[])[] {
  const lines = [...help.replaceAll(/\\\n\s*/g, ' ').matchAll(/^ {2}\$ (.*)$/gm)].map(([, line = '']) => line);
  const commands = lines.flatMap((line) => line.split(/ (?:\||&&|;) |<\(|\)$/)).map((part) => part.trim().replace(/ [0-9]?>.*$/, ''));
  return commands.flatMap((command) => {
    const [name, ...words] = (command.match(/"[^"]*"|'[^']*'|\S+/g) ?? []).filter((word) => !/^[A-Z_]+=/.test(word));
    return name === 'denywhy' ? [words.map((word) => word.replaceAll(/^["']|["']$/g, ''))] : [];
  });
}

const NAMES = COMMANDS.map(({ name }) => name);

describe.each(NAMES)('denywhy %s --help', (name) => {
  it('says what it does, in 80 columns, with at least one example of itself', async () => {
    const { exitCode, stdout, stderr } = await run([name, '--help']);
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
    expect(stdout).toMatch(new RegExp(`^Usage: denywhy ${name}`));
    expect(stdout.split('\n').filter((line) => line.length > 80)).toEqual([]);
    expect(examplesIn(stdout).filter(([first]) => first === name).length, stdout).toBeGreaterThan(0);
  });

  it('has examples that parse', async () => {
    for (const words of examplesIn((await run([name, '--help'])).stdout)) {
      const { exitCode, stderr } = await run(words);
      expect({ words, exitCode, stderr }).toEqual({ words, exitCode: 0, stderr: '' });
    }
  });
});

it('the examples of the program parse too', async () => {
  const examples = examplesIn((await run(['--help'])).stdout);
  expect(examples.length).toBeGreaterThan(1);
  for (const words of examples) expect(await run(words), words.join(' ')).toMatchObject({ exitCode: 0, stderr: '' });
});

it('an example that does not parse would be noticed', async () => {
  const [broken = []] = examplesIn('  $ kubectl logs x | denywhy explain --nope');
  expect(broken).toEqual(['explain', '--nope']);
  expect((await run(broken)).exitCode).toBe(2);
});

it.each([
  ['polcy', 'policy'],
  ['chek', 'check'],
  ['explian', 'explain'],
  ['completions', 'completion'],
  ['config-check', null],
])('an unknown command %s suggests %s', async (typed, meant) => {
  const { exitCode, stderr } = await run([typed]);
  expect(exitCode).toBe(2);
  if (meant === null) expect(stderr).not.toContain('Did you mean');
  else expect(stderr).toContain(`(Did you mean ${meant}?)`);
});

it.each(['policy', 'check', 'explain'])('%s takes kubectl’s flags', async (name) => {
  expect(await run([name, '-A', '--context', 'prod', '--kubeconfig', 'x', '-o', 'json'])).toMatchObject({ exitCode: 0, stderr: '' });
  expect(await run([name, '--namespace=shop', '--output=json'])).toMatchObject({ exitCode: 0, stderr: '' });
});

/** The long names of the options that help lists, `--help` left out. */
function optionsIn(help: string): readonly string[] {
  return [...help.matchAll(/^ {2}(?:-\w, )?(--[\w-]+)/gm)].flatMap(([, long = '']) => (long === '--help' ? [] : [long]));
}

it('options of one name have one form: -o FORM, -n NAME, settings of the cluster last', async () => {
  for (const name of NAMES) {
    const { stdout } = await run([name, '--help']);
    expect(stdout.match(/--output (?!<form>).*/), name).toBeNull();
    expect(stdout.match(/--namespace (?!<name>).*/), name).toBeNull();
    const settings = optionsIn(stdout.split('Settings of the cluster')[1] ?? '');
    if (stdout.includes('--probe-networks')) expect(settings.at(-1), name).toBe('--control-plane-namespace');
  }
});
