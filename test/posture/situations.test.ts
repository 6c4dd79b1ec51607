/** Every captured situation, practice by practice: a golden that a person has read as one who knows Linkerd. */
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import type { NamespacePosture } from '../../src/posture/posture.ts';
import type { PostureState } from '../../src/posture/practice.ts';
import { run } from '../run-command.ts';

const SITUATIONS = '../shared/captures/situations';
const isThere = existsSync(SITUATIONS);
const MARKS: Readonly<Record<PostureState, string>> = { holds: '✓', partly: '~', not: '✗', unknown: '?' };
const WIDEST = 190;

const directory = mkdtempSync(join(tmpdir(), 'denywhy-situations-'));
afterAll(() => rmSync(directory, { recursive: true }));

async function linesOf(name: string): Promise<readonly string[]> {
  const path = (file: string) => join(SITUATIONS, name, file);
  const { server } = JSON.parse(readFileSync(path('truth.json'), 'utf8'));
  // A page and a log are of the pod that their path names.
  const own = join(directory, name, server.pod);
  mkdirSync(own, { recursive: true });
  const given = (option: string, ...files: readonly string[]) => {
    const there = files.filter((file) => existsSync(path(file)) && readFileSync(path(file), 'utf8').trim() !== '');
    for (const file of there) symlinkSync(resolve(path(file)), join(own, file));
    return there.length === 0 ? [] : [option, ...there.map((file) => join(own, file))];
  };
  const { stdout, stderr } = await run([
    ...['posture', '-n', server.namespace, '-o', 'json', '--default-inbound-policy', 'all-unauthenticated'],
    ...['--cluster', path('cluster.json'), path('policy.yaml')],
    ...given('--metrics', 'server-metrics-before.prom', 'server-metrics-after.prom'),
    ...given('--logs', 'server-proxy.log'),
  ]);
  if (stdout === '') throw new Error(`${name}: ${stderr}`);
  const [{ practices }]: readonly [NamespacePosture] = JSON.parse(stdout).namespaces;
  return practices.map(({ id, state, judgements }) => {
    const said = [...Map.groupBy(judgements, (one) => `${MARKS[one.state]} ${one.found}`)].map(([words, group]) => {
      const who = group.flatMap(({ workload }) => workload?.replace('deploy/', '') ?? []);
      return who.length === 0 ? words : `${who.join(' ')} ${words}`;
    });
    const line = `  ${MARKS[state]} ${id.padEnd(20)} ${said.join('; ')}`;
    return line.length > WIDEST ? `${line.slice(0, WIDEST - 1)}…` : line;
  });
}

it.skipIf(!isThere)(`all situations${isThere ? '' : ' (the captured situations are not there)'}`, { timeout: 300_000 }, async () => {
  const lines: string[] = [];
  for (const name of readdirSync(SITUATIONS).sort()) lines.push(name, ...(await linesOf(name)));
  await expect(`${lines.join('\n')}\n`).toMatchFileSnapshot('golden/situations.txt');
});
