/** The completion scripts in the shells themselves, and under kubectl's own plugin mechanism. */
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { COMMANDS } from '../../src/main.ts';
import { BINARIES } from '../cluster/binaries.ts';
import { clusterSkip } from '../cluster/skip.ts';
import { run } from '../run-command.ts';

const ROOT = join(import.meta.dirname, '..', '..');

/** Answers what the completion asks, as kubectl would. */
const KUBECTL = `#!/bin/sh
case "$*" in
  *"config get-contexts -o name"*) printf 'prod\\nstaging\\n' ;;
  *"get namespaces -o name"*) printf 'namespace/production\\nnamespace/shop\\n' ;;
  *"-n production deployments"*) printf 'deployment.apps/backend\\nstatefulset.apps/cache\\npod/backend-0\\n' ;;
  *) exit 1 ;;
esac
`;

let directory: string;
let env: NodeJS.ProcessEnv;
beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'denywhy-completion-'));
  const bin = join(directory, 'bin');
  spawnSync('mkdir', [bin]);
  writeFileSync(join(bin, 'kubectl'), KUBECTL);
  chmodSync(join(bin, 'kubectl'), 0o755);
  for (const shell of ['bash', 'zsh']) writeFileSync(join(directory, shell), (await run(['completion', shell])).stdout);
  writeFileSync(join(directory, 'dump.yaml'), '');
  env = { ...process.env, PATH: [bin, dirname(process.execPath), process.env['PATH'] ?? ''].join(delimiter) };
});
afterAll(() => rmSync(directory, { recursive: true }));

/** What bash would offer after these words, the last one unfinished. */
function offered(...words: readonly string[]): readonly string[] {
  const script = `source ./bash; COMP_WORDS=(denywhy "$@"); COMP_CWORD=$#; _denywhy; printf '%s\\n' "\${COMPREPLY[@]}"`;
  const { status, stdout, stderr } = spawnSync('bash', ['--norc', '-uc', script, 'bash', ...words], {
    cwd: directory,
    env,
    encoding: 'utf8',
  });
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  return stdout.split('\n').filter((word) => word !== '');
}

describe('bash', () => {
  it('is silent when it is sourced, and registers itself', () => {
    const { status, stdout, stderr } = spawnSync('bash', ['--norc', '-c', 'source ./bash && complete -p denywhy'], {
      cwd: directory,
      env,
      encoding: 'utf8',
    });
    expect({ status, stdout, stderr }).toEqual({ status: 0, stdout: 'complete -o default -F _denywhy denywhy\n', stderr: '' });
  });

  it('offers every command', () => {
    expect(offered('')).toEqual([...COMMANDS.map(({ name }) => name), 'help', '--help', '--version']);
    expect(offered('po')).toEqual(['policy', 'posture']);
    expect(offered('help', 'ch')).toEqual(['check']);
  });

  it.each<readonly [readonly string[], readonly string[]]>([
    [['policy', '--comp'], ['--compare']],
    [
      ['policy', '-o', ''],
      ['text', 'wide', 'json', 'yaml'],
    ],
    [['policy', '-o', 'j'], ['json']],
    [['policy', '-n', 'p'], ['production']],
    [
      ['policy', '-n', 'production', ''],
      ['deploy/backend', 'sts/cache', 'po/backend-0'],
    ],
    [['policy', '-n', 'production', 'deploy/backend', '--at', ''], []],
    [
      ['explain', '-A', '--context', ''],
      ['prod', 'staging'],
    ],
    [['explain', '-n', 'production', 'deploy/b'], ['deploy/backend']],
    [['check', '--cluster', 'du'], ['dump.yaml']],
    [['check', '--cluster', 'other.yaml', 'du'], ['dump.yaml']],
    [['check', '--config', 'du'], ['dump.yaml']],
    [
      ['completion', ''],
      ['bash', 'zsh'],
    ],
    [['can', '-n', 'production', 'dep'], ['deploy/backend']],
    [['can', '-n', 'production', '--list', 'dep'], ['deploy/backend']],
    [['simulate', '--change', 'du'], ['dump.yaml']],
    [['nonsense', ''], []],
  ])('denywhy %j', (words, expected) => {
    expect(offered(...words)).toEqual(expected);
  });

  it('knows every option of every command', async () => {
    for (const { name } of COMMANDS) {
      const help = (await run([name, '--help'])).stdout;
      const options = [...help.matchAll(/^ {2}(?:-\w, )?(--[a-z][a-z-]+)/gm)].map(([, option = '']) => option);
      expect(
        offered(name, '--')
          .filter((option) => option.startsWith('--'))
          .toSorted(),
        name,
      ).toEqual(options.toSorted());
    }
  });
});

const zshSkip = requiredUnderCi(spawnSync('zsh', ['--version']).status === 0 ? '' : 'zsh is not installed');
function requiredUnderCi(missing: string): string {
  if (missing !== '' && process.env['CI'] === 'true') throw new Error(missing);
  return missing === '' ? '' : ` [skipped: ${missing}]`;
}

describe.skipIf(zshSkip !== '')(`zsh${zshSkip}`, () => {
  const zsh = (...args: readonly string[]) => spawnSync('zsh', args, { cwd: directory, env, encoding: 'utf8', timeout: 60_000 });

  it('takes the script', () => {
    expect(zsh('-n', './zsh')).toMatchObject({ status: 0, stderr: '' });
  });

  it('registers the function when it is sourced', () => {
    const script = 'autoload -U compinit; compinit -D -u; source ./zsh; print $_comps[denywhy]';
    expect(zsh('-fc', script)).toMatchObject({ status: 0, stdout: '_denywhy\n', stderr: '' });
  });

  it('offers what bash does, in a terminal of its own', () => {
    const script = `
      zmodload zsh/zpty; zpty -b shell zsh -f
      zpty -w shell 'PS1=; autoload -U compinit; compinit -D -u; source ./zsh; zstyle ":completion:*" list-grouped no; print READY'
      zpty -r shell line '*READY*READY*'; zpty -w -n shell $'denywhy policy -o j\\t'; zpty -r shell line '*json*' && print -r -- found; zpty -d shell`;
    expect(zsh('-fc', script).stdout).toContain('found');
  });
});

it('another shell is refused, with the two that there are', async () => {
  const { exitCode, stderr } = await run(['completion', 'fish']);
  expect(exitCode).toBe(2);
  expect(stderr).toContain('Allowed choices are bash, zsh');
});

const kubectl = clusterSkip === null ? BINARIES.kubectl : null;
describe.skipIf(kubectl === null || !existsSync(kubectl))(`kubectl denywhy [${clusterSkip ?? 'with a real kubectl'}]`, () => {
  /** As docs/kubectl-plugin.md says: two links in a directory of the PATH. */
  const asPlugin = (...args: readonly string[]) => {
    const bin = join(directory, 'plugins');
    if (!existsSync(bin)) {
      spawnSync('mkdir', [bin]);
      for (const name of ['kubectl-denywhy', 'kubectl_complete-denywhy']) symlinkSync(join(ROOT, 'bin', name), join(bin, name));
    }
    const path = [bin, env['PATH'] ?? ''].join(delimiter);
    return spawnSync(kubectl ?? '', args, { cwd: ROOT, encoding: 'utf8', env: { ...env, PATH: path, NO_COLOR: '1' } });
  };

  it('is found by kubectl, and passes arguments and the exit code on', () => {
    const { status, stdout } = asPlugin(
      'denywhy',
      'policy',
      '-n',
      'production',
      'deploy/database:5432',
      '--cluster',
      'demo/policy-history.jsonl',
    );
    expect(status).toBe(0);
    expect(stdout).toContain('sql (5432)  opaque  Server database-sql');
    expect(asPlugin('denywhy', 'policy', '--nope').status).toBe(2);
  });

  it('is completed by kubectl', () => {
    expect(asPlugin('__complete', 'denywhy', 'pol').stdout).toContain('policy\n:4');
    expect(asPlugin('__complete', 'denywhy', 'policy', '-o', '').stdout).toContain('text\nwide\njson\nyaml\n:4');
  });
});
