/** The judge of remedies: what agrees, and that nothing that was altered passes. */
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
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
