/** A real API server takes what remedies write: `kubectl apply --dry-run=server` of the first remedy of every case and every captured situation. */
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { explain } from '../../src/explain.ts';
import { isEqual } from '../../src/manifests/json-patch.ts';
import { manifestOf } from '../../src/manifests/manifest.ts';
import type { Remedy } from '../../src/remedies/remedy.ts';
import { folderAt } from '../captures/folders.ts';
import { judgeRemedies } from '../captures/judge-remedies.ts';
import { caseFolders, caseOf } from '../case-folder.ts';
import { type Cluster, startCluster } from './cluster.ts';
import { linkerdCrdsSkip } from './crds.ts';
import { clusterSkip } from './skip.ts';

const START = 300_000;
const skip = clusterSkip ?? linkerdCrdsSkip;
const SITUATIONS = join(import.meta.dirname, '../fixtures/captures/situations');

interface Offered {
  readonly of: string;
  readonly remedy: Remedy;
}

async function ofCases(): Promise<readonly Offered[]> {
  const folders = caseFolders(join(import.meta.dirname, '../cases'));
  const found = await Promise.all(
    folders.map(async (folder) => {
      const { case: asked, files } = await caseOf(folder);
      const { clients, troubles } = explain({ ...asked, remedies: { files, forceGrant: true } });
      const ways = [...clients.flatMap(({ targets }) => targets), ...troubles].map(({ wayOut }) => wayOut);
      return ways.flatMap((way) => way?.remedies.slice(0, 1) ?? []).map((remedy) => ({ of: `${folder.id}/${folder.name}`, remedy }));
    }),
  );
  return found.flat().filter(({ remedy }) => remedy.changes.length > 0);
}

function ofSituations(): readonly Offered[] {
  return readdirSync(SITUATIONS).flatMap((name) =>
    judgeRemedies(folderAt(join(SITUATIONS, name))).lines.flatMap(({ answer }) =>
      'remedies' in answer ? answer.remedies.map((remedy) => ({ of: name, remedy })) : [],
    ),
  );
}

interface Manifest {
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace: string };
}

/** Each remedy has namespaces of its own: all of them lie in one cluster. */
function movedTo(prefix: string, manifest: unknown): Manifest {
  const whole = manifest as Manifest;
  return { ...whole, metadata: { ...whole.metadata, namespace: `${prefix}-${whole.metadata.namespace}` } };
}

describe.skipIf(skip !== null)(`remedies on a real API server${skip === null ? '' : ` [${skip}]`}`, () => {
  let cluster: Cluster;
  let directory = '';

  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), 'denywhy-remedies-'));
    cluster = await startCluster();
  }, START);

  afterAll(async () => {
    await cluster?.stop();
    rmSync(directory, { recursive: true, force: true });
  }, START);

  function fileOf(name: string, items: readonly unknown[]): string {
    const file = join(directory, name);
    writeFileSync(file, JSON.stringify({ apiVersion: 'v1', kind: 'List', items }));
    return file;
  }

  it(
    'are taken, all of them, where the objects stand that they edit',
    async () => {
      const offered = [...(await ofCases()), ...ofSituations()];
      const all = offered.map(({ of, remedy }, i) => ({ of, changes: remedy.changes, prefix: `r${i}` }));
      const stand = all.flatMap(({ changes, prefix }) =>
        changes.flatMap(({ before }) => (before === null ? [] : [movedTo(prefix, manifestOf(before))])),
      );
      const wanted = all.flatMap(({ changes, prefix }) =>
        changes.flatMap(({ manifest }) => (manifest === null ? [] : [movedTo(prefix, manifest)])),
      );
      const namespaces = new Set([...stand, ...wanted].map(({ metadata }) => metadata.namespace));
      const made = [...namespaces].map((name) => ({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } }));
      await cluster.kubectl(['apply', '-f', fileOf('stand.json', [...made, ...stand])]);
      const answer = JSON.parse(
        await cluster.kubectl(['apply', '--dry-run=server', '-o', 'json', '-f', fileOf('remedies.json', wanted)]),
      ) as { readonly items: readonly (Manifest & { readonly spec: unknown })[] };
      expect(offered.length).toBeGreaterThan(50);
      expect(answer.items.length).toBe(wanted.length);
      const lost = answer.items.filter((item, i) => !isPartOf((wanted[i] as typeof item).spec, item.spec));
      expect(lost.map(({ kind, metadata: { namespace, name } }) => `${kind} ${namespace}/${name}`)).toEqual([]);
    },
    START,
  );
});

/** What was written stands there; defaults may stand beside it. */
function isPartOf(written: unknown, stored: unknown): boolean {
  if (Array.isArray(written))
    return Array.isArray(stored) && written.length === stored.length && written.every((one, i) => isPartOf(one, stored[i]));
  if (typeof written !== 'object' || written === null) return isEqual(written, stored);
  return Object.entries(written).every(([key, value]) => isPartOf(value, (stored as Record<string, unknown> | null)?.[key]));
}
