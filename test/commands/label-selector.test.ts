import { describe, expect, it } from 'vitest';
import { readLabelSelector, selectorOf } from '../../src/commands/label-selector.ts';
import { selects } from '../../src/policy/selector.ts';
import { run } from '../run-command.ts';

const HISTORY = 'demo/policy-history.jsonl';
const CART = { app: 'cart', tier: 'web', 'app.kubernetes.io/name': 'cart', empty: '' };

describe('a selector as kubectl takes it', () => {
  it.each([
    ['app=cart', true],
    ['app==cart', true],
    ['app=shop', false],
    ['app = cart , tier = web', true],
    ['app.kubernetes.io/name=cart', true],
    ['empty=', true],
    ['app=', false],
    ['tier!=cache', true],
    ['tier!=web', false],
    ['canary!=yes', true],
    ['app in (shop, cart)', true],
    ['app in (shop,store),tier=web', false],
    ['app notin (shop, store),tier', true],
    ['canary notin (yes)', true],
    ['tier', true],
    ['canary', false],
    ['!canary', true],
    ['!tier', false],
  ])('%s: %s', (text, expected) => {
    expect(selects(readLabelSelector(text), CART)).toBe(expected);
  });

  it.each(['', ',', 'app=cart,', '=x', 'app=a b', 'app in cart', 'app in (a', 'a/b/c=d', 'app in (a"b)', '!!a', 'app\u001b[31m=x', '(a)'])(
    '%j is none',
    (text) => {
      expect(() => readLabelSelector(text)).toThrow(/^--selector/);
    },
  );

  it('excludes a workload', () => {
    expect(() => selectorOf('app=cart', true)).toThrow('a workload and --selector exclude each other.');
    expect(selectorOf(undefined, true)).toBeNull();
  });
});

describe('policy -l', () => {
  const workloads = (stdout: string) => [
    ...new Set(
      stdout
        .split('\n')
        .slice(1)
        .flatMap((line) => /^\S+/.exec(line)?.[0] ?? []),
    ),
  ];

  it('shows the workloads of pods with these labels', async () => {
    const { exitCode, stdout } = await run(['policy', '-n', 'production', '-l', 'app in (backend,database)', '--cluster', HISTORY]);
    expect([exitCode, workloads(stdout)]).toEqual([0, ['deploy/backend', 'deploy/database']]);
  });

  it.each<readonly [readonly string[], string]>([
    [['-n', 'production', '-l', 'app=nobody'], 'there are no pods and no workloads that --selector selects in namespace production.'],
    [['-n', 'production', '-l', 'app=backend', 'deploy/backend'], 'a workload and --selector exclude each other.'],
    [['-l', 'app in backend'], '--selector cannot be read at "app in backend".'],
  ])('%j is answered with what is wrong', async (args, message) => {
    const { exitCode, stderr } = await run(['policy', ...args, '--cluster', HISTORY]);
    expect([exitCode, stderr.replaceAll(/\s+/g, ' ')]).toEqual([2, expect.stringContaining(message)]);
  });

  it('explain takes it of a live cluster alone', async () => {
    const { exitCode, stderr } = await run(['explain', '-l', 'app=backend', '--cluster', HISTORY]);
    expect([exitCode, stderr.replaceAll(/\s+/g, ' ')]).toEqual([2, expect.stringContaining('--selector is about a live cluster')]);
  });
});
