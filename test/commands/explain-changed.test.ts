/** What changed, as a person reads it, on the recorded story. */
import { readFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { filesIn, run } from './explain-run.ts';

const DEMO = new URL('../../demo/', import.meta.url).pathname;
const AUDIT = readFileSync(new URL('../fixtures/audit/story.jsonl', import.meta.url));
const LOGS = ['2588f', 'kns9q'].map((pod) => `${DEMO}logs/backend-756f7c997f-${pod}.linkerd-proxy.log.gz`);
const STORY = ['-n', 'production', '--cluster', `${DEMO}policy-history.jsonl`, '--logs', ...LOGS];

interface Target {
  readonly route: { readonly name: string } | null;
  readonly changed: {
    readonly turned: { readonly at: string; readonly edits: readonly Record<string, unknown>[] } | null;
    readonly repaired: { readonly at: string } | null;
    readonly throughout: object | null;
  } | null;
}

async function targetsOf(args: readonly string[]): Promise<readonly Target[]> {
  const { stdout, exitCode, stderr } = await run([...STORY, ...args, '-o', 'json']);
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
  return JSON.parse(stdout).clients.flatMap((client: { readonly targets: readonly Target[] }) => client.targets);
}

/** The clients, and of what is said of each these sections. */
function sections(text: string, labels: readonly string[]): string {
  const blocks = text.split('\n\n');
  return `${blocks.filter((block) => / of \d+ {2}/.test(block) || labels.some((label) => block.startsWith(label))).join('\n\n')}\n`;
}

describe('the story', () => {
  test('has its edit, its time, its manager and its user named, and its repair', async () => {
    const file = filesIn({ 'audit.jsonl': AUDIT });
    const { stdout } = await run([...STORY, '--audit-log', file('audit.jsonl')]);
    await expect(sections(stdout, ['CHANGED', 'NOW'])).toMatchFileSnapshot('golden/explain-changed.txt');
  });

  test('has the same as data', async () => {
    const file = filesIn({ 'audit.jsonl.gz': gzipSync(AUDIT) });
    const [frontend] = await targetsOf(['--audit-log', file('audit.jsonl.gz')]);
    expect(frontend?.changed).toEqual({
      source: 'history',
      turned: {
        at: '2026-11-23T09:23:07.337Z',
        edits: [
          {
            object: { group: 'policy.linkerd.io', kind: 'MeshTLSAuthentication', namespace: 'production', name: 'frontend-mtls' },
            change: 'edited',
            of: 'policy',
            replaces: null,
            fields: [
              {
                path: 'spec.identities[0]',
                before: 'frontend.production.serviceaccount.identity.linkerd.cluster.local',
                after: 'frontend.prod.serviceaccount.identity.linkerd.cluster.local',
              },
            ],
            moreFields: 0,
            generation: { before: 1, after: 2 },
            manager: { name: 'kubectl-edit', at: '2026-11-23T09:23:07.000Z' },
            author: { user: 'admin', impersonatedBy: null, manager: 'kubectl-edit' },
          },
        ],
        more: 0,
      },
      repaired: expect.objectContaining({ at: '2026-11-23T09:28:57.276Z' }),
      throughout: null,
      candidates: [],
      withoutManagers: false,
    });
  });

  test('asked for its moment, has no repair yet', async () => {
    const [frontend] = await targetsOf(['--at', '09:28:57']);
    expect([frontend?.changed?.turned?.at, frontend?.changed?.repaired]).toEqual(['2026-11-23T09:23:07.337Z', null]);
  });

  test('has no change for the client that never was let in', async () => {
    const admin = (await targetsOf([])).filter(({ route }) => route?.name === 'backend-admin');
    expect(admin.map(({ changed }) => changed?.turned)).toEqual([null, null]);
    for (const { changed } of admin) expect(changed?.throughout).toMatchObject({ looks: 21, states: 21, newcomer: null });
  });
});

describe('an audit log', () => {
  test('with lines that are none is read all the same, and the first of them is named', async () => {
    const file = filesIn({ 'audit.jsonl': `not json\n${AUDIT}{"kind":"Event"\n` });
    const { stdout, exitCode } = await run([...STORY, '--audit-log', file('audit.jsonl')]);
    expect(exitCode).toBe(0);
    expect(stdout).toContain('by admin (kubectl-edit)');
    expect(stdout.replaceAll(/\s+/g, ' ')).toContain('audit.jsonl:1: This line and 1 more are no audit events and were passed over.');
  });

  test.each([
    ['something else', 'hello\nworld\n', /:1: This is no audit log: none of its lines is an event of audit\.k8s\.io/],
    ['absent', null, /There is no such file/],
  ])('that is %s is refused', async (_, content, message) => {
    const file = filesIn(content === null ? {} : { 'audit.jsonl': content });
    const { exitCode, stderr, stdout } = await run([...STORY, '--audit-log', file('audit.jsonl')]);
    expect([exitCode, stdout]).toEqual([2, '']);
    expect(stderr).toMatch(message);
  });

  test('writes nothing that a terminal obeys', async () => {
    const evil = String(AUDIT).replaceAll('"username": "admin"', '"username": "\\u001b[31mroot\\u202e\\n1 of 9  DENIED"');
    const file = filesIn({ 'audit.jsonl': evil });
    const { stdout } = await run([...STORY, '--audit-log', file('audit.jsonl')]);
    expect(stdout).toContain('\\u001b[31mroot\\u202e\\n1 of 9');
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not be there
    expect(stdout).not.toMatch(/[\u001b\u202e]|^1 of 9/m);
  });
});
