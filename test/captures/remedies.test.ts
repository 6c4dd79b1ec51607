/** The judge of remedies: what agrees, and that nothing that was altered passes. */
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { folderAt } from './folders.ts';
import { judgeRemedies, remedyData } from './judge-remedies.ts';
import type { Entry } from './replay.ts';
import type { Folder } from './report.ts';

const SITUATIONS = join(import.meta.dirname, '../fixtures/captures/situations');
const FOLDERS = readdirSync(SITUATIONS).map((name) => folderAt(join(SITUATIONS, name)));
const WRONG_ACCOUNT = folderAt(join(SITUATIONS, 'wrong-service-account'));

interface Replayed {
  before: Entry[];
  after?: Entry[];
}

function altered<T>(folder: Folder, file: string, alter: (value: T) => void): Folder {
  const value: T = JSON.parse(folder.read(file) ?? '{}');
  alter(value);
  return { name: folder.name, read: (name) => (name === file ? JSON.stringify(value) : folder.read(name)) };
}

function disagreements(folder: Folder): readonly string[] {
  return judgeRemedies(folder).judgements.flatMap(({ about, difference }) => (difference === '' ? [] : [`${about}: ${difference}`]));
}

describe.each(FOLDERS.map((folder) => [folder.name, folder] as const))('%s', (_name, folder) => {
  it('agrees', () => {
    expect(disagreements(folder)).toEqual([]);
  });

  it('reports every client that got a word instead of a change, where its causes were altered', () => {
    const words = judgeRemedies(folder).lines.flatMap(({ client, answer }) => ('verdict' in answer ? [client] : []));
    const found = disagreements(
      altered<{ clients: Record<string, number[]> }>(folder, 'truth.json', ({ clients }) => {
        for (const name of Object.keys(clients)) clients[name] = [99];
      }),
    );
    for (const client of words)
      expect(
        found.some((text) => text.startsWith(`${client} `)),
        client,
      ).toBe(true);
  });

  it('gives answers that do not depend on what is expected', () => {
    const other = altered<{ clients: Record<string, number[]> }>(folder, 'truth.json', (truth) => {
      truth.clients = { 'shop/nobody': [1] };
    });
    expect(remedyData(judgeRemedies(other))).toEqual(remedyData(judgeRemedies(folder)));
  });
});

describe('an altered recording', () => {
  const other = (entry: Entry): Entry => ({
    ...entry,
    request: 'shop/admin-console GET http://backend.shop.svc.cluster.local/other',
    http: entry.http === null ? null : { ...entry.http, path: '/other' },
  });

  it('is reported where a remedy lets in what was denied before and after the fix', () => {
    const folder = altered<Replayed>(WRONG_ACCOUNT, 'replay.json', ({ before, after }) => {
      const denied = other(before.find(({ verdict }) => verdict === 'deny') as Entry);
      before.push(denied);
      after?.push(denied);
    });
    const traffic = folder.read('traffic.jsonl')?.trimEnd().split('\n') ?? [];
    const longer: Folder = {
      name: folder.name,
      read: (file) => (file === 'traffic.jsonl' ? [...traffic, traffic[0]].join('\n') : folder.read(file)),
    };
    expect(disagreements(longer)).toEqual([
      expect.stringMatching(/^together: .*\/other: was denied before and after the fix, and is allowed$/),
    ]);
  });

  it('is reported where what was allowed is not allowed by the objects', () => {
    const folder = altered<Replayed>(WRONG_ACCOUNT, 'replay.json', ({ before }) => {
      for (const entry of before)
        if (entry.verdict === 'allow')
          Object.assign(entry, { connection: { client_ip: '10.42.0.99', tls: { state: 'none', reason: 'no_tls_from_remote' } } });
    });
    expect(disagreements(folder)).toEqual([expect.stringMatching(/^together: shop\/frontend .*: was allowed, and is deny$/)]);
  });

  it('is reported where a client has no way out', () => {
    const folder: Folder = {
      name: 'x',
      read: (file) => (file === 'policy.yaml' ? 'apiVersion: v1\nkind: List\nitems: []\n' : WRONG_ACCOUNT.read(file)),
    };
    expect(disagreements(folder).length).toBeGreaterThan(0);
  });
});

it('prints one line of JSON for each judged client, whole objects and nothing of the expectation, and exits by the judgement', () => {
  const program = join(import.meta.dirname, '../captures.ts');
  const folder = join(SITUATIONS, 'wrong-service-account');
  const { status, stdout } = spawnSync(process.execPath, [program, '--remedies', '-o', 'json', folder], { encoding: 'utf8' });
  expect(JSON.parse(stdout)).toEqual({
    situation: 'wrong-service-account',
    client: 'shop/admin-console',
    remedy: {
      id: 'add-identity',
      changes: [
        {
          apiVersion: 'policy.linkerd.io/v1alpha1',
          kind: 'MeshTLSAuthentication',
          metadata: { name: 'frontend-mtls', namespace: 'shop', creationTimestamp: expect.any(String) },
          spec: {
            identities: [
              'frontend.shop.serviceaccount.identity.linkerd.cluster.local',
              'admin.shop.serviceaccount.identity.linkerd.cluster.local',
            ],
          },
        },
      ],
    },
  });
  expect(status).toBe(0);
});

describe('altered copies on disk', () => {
  const root = mkdtempSync(join(tmpdir(), 'denywhy-altered-'));
  afterAll(() => rmSync(root, { recursive: true, force: true }));

  /** `alter` gets the text of one file. */
  function copied(name: string, of: string, file: string, alter: (text: string) => string): void {
    const to = join(root, name);
    cpSync(join(SITUATIONS, of), to, { recursive: true });
    const text = folderAt(to).read(file) ?? '';
    rmSync(join(to, `${file}.gz`), { force: true });
    writeFileSync(join(to, file), alter(text));
  }
  const replayed = (alter: (replay: Replayed) => void) => (text: string) => {
    const replay = JSON.parse(text) as Replayed;
    alter(replay);
    return JSON.stringify(replay);
  };
  const isAdmin = ({ request }: Entry) => request.startsWith('shop/admin-console ');

  it('are reported, each by name, and the one that was left alone is not', () => {
    const of = 'wrong-service-account';
    copied('untouched', of, 'replay.json', (text) => text);
    copied(
      'fix-withheld',
      of,
      'replay.json',
      replayed(({ after = [] }) => {
        const last = after.findLast(isAdmin);
        if (last !== undefined) Object.assign(last, { verdict: 'deny', observed: 'deny' });
      }),
    );
    copied(
      'another-client-denied',
      of,
      'replay.json',
      replayed(({ before }) => {
        for (const entry of before.filter((one) => !isAdmin(one))) Object.assign(entry, { verdict: 'deny', observed: 'deny' });
      }),
    );
    copied(
      'another-client-allowed',
      of,
      'replay.json',
      replayed(({ before, after = [] }) => {
        for (const entry of [...before, ...after].filter((one) => !isAdmin(one) && one.connection !== null))
          Object.assign(entry, { connection: { client_ip: '10.42.0.99', tls: { state: 'none', reason: 'no_tls_from_remote' } } });
      }),
    );
    copied('cause-swapped', 'tcp-app-tls-unmeshed', 'truth.json', (text) => {
      const truth = JSON.parse(text) as { clients: Record<string, readonly number[]> };
      for (const client of Object.keys(truth.clients)) truth.clients[client] = [7];
      return JSON.stringify(truth);
    });
    copied('server-renamed', of, 'cluster.json', (text) => text.replaceAll('"backend-', '"renamed-'));
    copied('policy-of-another-namespace', of, 'policy.yaml', (text) => text.replaceAll('namespace: shop', 'namespace: elsewhere'));
    copied('server-opened', of, 'policy.yaml', (text) => text.replace('accessPolicy: deny', 'accessPolicy: all-unauthenticated'));
    const program = join(import.meta.dirname, '../captures.ts');
    const { status, stdout } = spawnSync(process.execPath, [program, '--remedies', root], { encoding: 'utf8' });
    const reports = stdout.split(/^(?=[\w-]+: agree )/m).map((text) => ({ name: text.split(':')[0], isReported: text.includes('✗') }));
    expect(status).toBe(1);
    expect(reports.filter(({ isReported }) => !isReported).map(({ name }) => name)).toEqual(['untouched']);
    expect(reports.filter(({ isReported }) => isReported).map(({ name }) => name)).toEqual([
      'another-client-allowed',
      'another-client-denied',
      'cause-swapped',
      'fix-withheld',
      'policy-of-another-namespace',
      'server-opened',
      'server-renamed',
    ]);
  });
});
