/** The bin under a Node that cannot run TypeScript: it starts the bundled one, or says what to do. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, copyFileSync, existsSync, mkdirSync, mkdtempSync, openSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import manifest from '../../package.json' with { type: 'json' };

const ROOT = join(import.meta.dirname, '..', '..');

/** Says how it was started; waits for a signal if it is told to. */
const STAND_IN = `
import { text } from 'node:stream/consumers';
if (process.argv[2] === 'wait') { process.stdout.write('waiting'); setInterval(() => {}, 1000); }
else {
  const answer: string[] = [process.version, ...process.argv.slice(2), await text(process.stdin)];
  process.stdout.write(JSON.stringify(answer));
  process.stderr.write('to stderr');
  process.exitCode = 7;
}
`;

function versionOf(node: string): string | null {
  const { status, stdout } = spawnSync(node, ['--version'], { encoding: 'utf8' });
  return status === 0 ? stdout.trim() : null;
}

/** A Node on the PATH that is older than the bundled one, if the machine has one. */
function findOldNode(): string | null {
  const nodes = (process.env['PATH'] ?? '').split(delimiter).map((directory) => join(directory, 'node'));
  return nodes.find((node) => Number.parseInt(versionOf(node)?.slice(1) ?? '99', 10) < 26) ?? null;
}

const oldNode = findOldNode();
let scratch = '';
const bin = (): string => join(scratch, 'bin', 'denywhy.js');

beforeAll(() => {
  scratch = mkdtempSync(join(tmpdir(), 'denywhy-bin-'));
  for (const directory of ['bin', 'src', 'node_modules/node/bin']) mkdirSync(join(scratch, directory), { recursive: true });
  copyFileSync(join(ROOT, 'bin', 'denywhy.js'), bin());
  writeFileSync(join(scratch, 'package.json'), '{ "type": "module" }');
  writeFileSync(join(scratch, 'src', 'main.ts'), STAND_IN);
});

afterAll(() => rmSync(scratch, { recursive: true }));

it('runs in place under the bundled Node', () => {
  const { status, stdout } = spawnSync(process.execPath, [join(ROOT, 'bin', 'denywhy.js'), '--version'], { encoding: 'utf8' });
  expect({ status, stdout }).toEqual({ status: 0, stdout: `${manifest.version}\n` });
});

it.skipIf(!existsSync('/dev/full'))('says that an answer cannot be written, where a device is full', () => {
  const full = openSync('/dev/full', 'w');
  const { status, stderr } = spawnSync(process.execPath, [join(ROOT, 'bin', 'denywhy.js'), '--help'], {
    encoding: 'utf8',
    stdio: ['ignore', full, 'pipe'],
  });
  closeSync(full);
  expect({ status, stderr }).toEqual({
    status: 3,
    stderr: 'denywhy: the answer cannot be written: there is no room left.\n  Send it elsewhere, or make room.\n',
  });
});

it('takes paths from where npm was called, and not from where it runs scripts', () => {
  const run = (env: NodeJS.ProcessEnv) =>
    spawnSync(process.execPath, [join(ROOT, 'bin', 'denywhy.js'), 'explain', '--logs', 'here.log'], {
      encoding: 'utf8',
      cwd: ROOT,
      env: { ...process.env, ...env },
    });
  writeFileSync(join(scratch, 'here.log'), '');
  expect(run({ INIT_CWD: scratch, npm_lifecycle_event: 'denywhy' }).stderr).toContain('nothing came from here.log');
  expect(run({ INIT_CWD: scratch, npm_lifecycle_event: 'unit' }).stderr).toContain('here.log: There is no such file.');
});

describe.skipIf(oldNode === null)('under an old Node (skipped where the PATH has none)', () => {
  const node = oldNode ?? '';

  it('without a bundled Node says what to do and ends with 3', () => {
    const { status, stdout, stderr } = spawnSync(node, [bin()], { encoding: 'utf8' });
    expect({ status, stdout }).toEqual({ status: 3, stdout: '' });
    expect(stderr).toBe(
      `denywhy: Node 26 or newer is needed, this is ${versionOf(node)}.\n` +
        '  In the checkout run: npm ci\n' +
        '  It brings the right Node along (not with --ignore-scripts), and denywhy finds it there.\n',
    );
  });

  describe('with a bundled Node', () => {
    beforeAll(() => symlinkSync(process.execPath, join(scratch, 'node_modules/node/bin/node')));

    it('passes arguments, streams and the exit code through', () => {
      const { status, stdout, stderr } = spawnSync(node, [bin(), 'explain', '--at', '', 'a b'], { encoding: 'utf8', input: 'a log line' });
      expect(JSON.parse(stdout)).toEqual([process.version, 'explain', '--at', '', 'a b', 'a log line']);
      expect({ status, stderr }).toEqual({ status: 7, stderr: 'to stderr' });
    });

    it.each([
      ['SIGTERM', 143],
      ['SIGINT', 130],
      ['SIGHUP', 129],
    ] as const)('passes %s on and ends as a shell would say it', async (signal, code) => {
      const child = spawn(node, [bin(), 'wait'], { stdio: ['ignore', 'pipe', 'inherit'] });
      await once(child.stdout, 'data');
      child.kill(signal);
      expect(await once(child, 'exit')).toEqual([code, null]);
    });

    it('is found through a link, as npm makes one', () => {
      const link = join(scratch, 'elsewhere', 'denywhy');
      mkdirSync(dirname(link));
      symlinkSync(bin(), link);
      expect(spawnSync(node, [link], { encoding: 'utf8', input: '' }).status).toBe(7);
    });
  });
});
