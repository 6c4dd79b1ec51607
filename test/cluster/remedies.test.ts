/** A real API server takes what remedies write: every one that is offered for a case or a captured situation, tightenings among them. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isEqual } from '../../src/manifests/json-patch.ts';
import { manifestOf } from '../../src/manifests/manifest.ts';
import type { Change } from '../../src/remedies/remedy.ts';
import { distinctOffers, offersOfCases, offersOfSituations, situationFolders, situationsSkip } from '../remedies/offers.ts';
import type { KubeObject } from './api.ts';
import { type Cluster, startCluster } from './cluster.ts';
import { linkerdCrdsSkip } from './crds.ts';
import { clusterSkip } from './skip.ts';

const START = 300_000;
const skip = clusterSkip ?? linkerdCrdsSkip;
const named = [skip, situationsSkip].filter((text) => text !== null);

/** One change of one remedy, in a namespace of its own. */
interface Moved {
  readonly of: string;
  readonly change: Change;
  readonly before: KubeObject | null;
  /** null: it is deleted. */
  readonly after: KubeObject | null;
}

/** Each remedy has namespaces of its own: all of them lie in one cluster. */
function movedTo(prefix: string, manifest: unknown): KubeObject {
  const whole = manifest as KubeObject;
  return { ...whole, metadata: { ...whole.metadata, namespace: `${prefix}-${whole.metadata.namespace}` } };
}

function nameOf({ kind, metadata: { namespace, name } }: KubeObject): string {
  return `${kind} ${namespace}/${name}`;
}

describe.skipIf(skip !== null)(`remedies on a real API server${named.length === 0 ? '' : ` [${named.join('; ')}]`}`, () => {
  let cluster: Cluster;
  let directory = '';
  let moved: readonly Moved[] = [];

  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), 'denywhy-remedies-'));
    cluster = await startCluster();
    const offers = distinctOffers([...(await offersOfCases()), ...offersOfSituations()]);
    moved = offers.flatMap(({ of, remedy }, i) =>
      remedy.changes.map((change) => ({
        of: `${of}: ${remedy.id}`,
        change,
        before: change.before === null ? null : movedTo(`r${i}`, manifestOf(change.before)),
        after: change.manifest === null ? null : movedTo(`r${i}`, change.manifest),
      })),
    );
    const stand = moved.flatMap(({ before }) => before ?? []);
    const namespaces = new Set(moved.flatMap(({ before, after }) => (before ?? after)?.metadata.namespace ?? []));
    const made = [...namespaces].map((name) => ({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } }));
    await cluster.kubectl(['apply', '-f', fileOf('stand.json', [...made, ...stand])]);
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

  it('are of every kind that changes an object', () => {
    const ids = new Set(moved.map(({ of }) => of.split(': ')[1]));
    expect(moved.length).toBeGreaterThan(situationsSkip === null ? 250 : 200);
    expect(ids.size).toBeGreaterThanOrEqual(situationsSkip === null ? 16 : 14);
    expect(situationFolders.length).toBeGreaterThanOrEqual(situationsSkip === null ? 60 : 14);
  });

  it(
    'are taken by kubectl apply --dry-run=server where the objects stand that they edit, and nothing of them is dropped',
    async () => {
      const wanted = moved.flatMap(({ after }) => after ?? []);
      const answer = JSON.parse(
        await cluster.kubectl(['apply', '--dry-run=server', '--validate=strict', '-o', 'json', '-f', fileOf('remedies.json', wanted)]),
      ) as { readonly items: readonly KubeObject[] };
      expect(answer.items.length).toBe(wanted.length);
      const lost = answer.items.filter((item, i) => !isPartOf(wanted[i]?.['spec'], item['spec']));
      expect(lost.map(nameOf)).toEqual([]);
    },
    START,
  );

  it(
    'are taken by kubectl delete --dry-run=server where they delete',
    async () => {
      const gone = moved.flatMap(({ before, after }) => (before !== null && after === null ? [before] : []));
      if (gone.length === 0) return;
      await cluster.kubectl(['delete', '--dry-run=server', '-f', fileOf('gone.json', gone)]);
    },
    START,
  );

  it(
    'are taken as JSON patches, and come to the same',
    async () => {
      const faults: string[] = [];
      for (const { of, change, before, after } of moved) {
        if (change.action !== 'edit' || before === null || after === null) continue;
        const path = `${await cluster.api.pathOf(before)}?dryRun=All&fieldValidation=Strict`;
        try {
          const patched = await cluster.api.patch(path, change.patch);
          if (!isPartOf(after['spec'], patched['spec'])) faults.push(`${of}: ${nameOf(after)} comes out otherwise`);
        } catch (error) {
          faults.push(`${of}: ${nameOf(after)}: ${error instanceof Error ? error.message : error} ${JSON.stringify(change.patch)}`);
        }
      }
      expect(faults).toEqual([]);
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
