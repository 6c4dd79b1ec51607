/** The judge of lint: what agrees, that nothing that was altered passes, and that clusters in order give no error. */
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { showRef } from '../../src/policy/resource.ts';
import { folderAt } from './folders.ts';
import { judgeLint, lintLines } from './judge-lint.ts';
import type { Folder } from './report.ts';

const SITUATIONS = join(import.meta.dirname, '../fixtures/captures/situations');
const FOLDERS = readdirSync(SITUATIONS).map((name) => folderAt(join(SITUATIONS, name)));

function withTruth(folder: Folder, rootCauses: readonly number[]): Folder {
  const truth = { ...(JSON.parse(folder.read('truth.json') ?? '{}') as object), rootCauses };
  return { name: folder.name, read: (file) => (file === 'truth.json' ? JSON.stringify(truth) : folder.read(file)) };
}

function differences(folder: Folder): readonly string[] {
  return judgeLint(folder).judgements.flatMap(({ about, difference }) => (difference === '' ? [] : [`${about}: ${difference}`]));
}

describe.each(FOLDERS.map((folder) => [folder.name, folder] as const))('%s', (_name, folder) => {
  it('agrees', () => {
    expect(differences(folder)).toEqual([]);
  });

  it('says the same whatever is expected', () => {
    expect(lintLines(judgeLint(withTruth(folder, [45, 9])))).toEqual(lintLines(judgeLint(folder)));
  });

  it('reports a root cause that is not there', () => {
    const { judgements } = judgeLint(
      withTruth(
        folder,
        [8, 9, 45, 46].filter((row) => !rootCausesOf(folder).includes(row)),
      ),
    );
    const found = judgements.filter(({ difference }) => difference === '');
    expect(found.map(({ about }) => about)).toEqual([]);
  });
});

function rootCausesOf(folder: Folder): readonly number[] {
  return (JSON.parse(folder.read('truth.json') ?? '{}') as { rootCauses?: readonly number[] }).rootCauses ?? [];
}

it('reports where the fix changes another object than the one that is found', () => {
  const folder = folderAt(join(SITUATIONS, 'grpcroute-headers-without-method'));
  const other: Folder = {
    name: folder.name,
    read: (file) => {
      const text = folder.read(file);
      if (file === 'fix.yaml') return '';
      if (file !== 'policy-after-fix.yaml') return text;
      const policy = folder.read('policy.yaml');
      return policy?.replace(/proxyProtocol: \S+/, 'proxyProtocol: opaque') ?? null;
    },
  };
  expect(differences(folder)).toEqual([]);
  expect(differences(other).join()).toMatch(
    /^root cause 45: the fix changes .*Server.*, and found is grpc-headers-without-method in GRPCRoute/,
  );
});

it('objects that a situation broke are named, and no others are called wrong', () => {
  const errors = FOLDERS.map((folder) => {
    const found = judgeLint(folder).findings.filter(({ severity }) => severity === 'error');
    return [
      folder.name,
      [...new Set(found.map(({ code, object }) => `${code}: ${showRef({ ...object.metadata, group: '', kind: object.kind })}`))].sort(),
    ] as const;
  }).filter(([, found]) => found.length > 0);
  expect(Object.fromEntries(errors)).toMatchInlineSnapshot(`
    {
      "grpcroute-headers-without-method": [
        "grpc-headers-without-method: GRPCRoute shop/ledger-hdr",
      ],
      "opaque-server-with-http": [
        "mixed-routes: HTTPRoute shop/backend-api",
        "probe-not-covered: Server shop/backend-http",
      ],
      "pod-annotation-edited-in-place": [
        "invalid-annotation: Pod shop/backend-55dc7d56ff-qx48f",
      ],
      "tutorial-as-written": [
        "http2-server-http1-probes: Server shop/backend-http",
        "probe-route-removed: HTTPRoute shop/backend-routes",
      ],
    }
  `);
});

it('prints one line of JSON for each finding, without the expectation, and exits by the judgement', () => {
  const program = join(import.meta.dirname, '../captures.ts');
  const folder = join(SITUATIONS, 'grpcroute-headers-without-method');
  const { status, stdout } = spawnSync(process.execPath, [program, '--lint', '-o', 'json', folder], { encoding: 'utf8' });
  const lines = stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  expect(lines).toContainEqual(
    expect.objectContaining({ situation: 'grpcroute-headers-without-method', code: 'grpc-headers-without-method', severity: 'error' }),
  );
  expect(stdout).not.toContain('rootCauses');
  expect(status).toBe(0);
});
