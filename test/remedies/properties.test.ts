/** What holds of every remedy, of the cases that people have read and of clusters at random. */

import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { withApplied } from '../../src/access/applied.ts';
import { getsIn } from '../../src/access/compare.ts';
import { explain, type TargetExplanation } from '../../src/explain.ts';
import { isEqual, type PatchOperation, pathOfPointer } from '../../src/manifests/json-patch.ts';
import { manifestOf } from '../../src/manifests/manifest.ts';
import { readManifests } from '../../src/manifests/read.ts';
import { showYaml } from '../../src/manifests/yaml-show.ts';
import { admit } from '../../src/policy/admission.ts';
import { evaluate } from '../../src/policy/evaluate.ts';
import type { Traffic } from '../../src/policy/evaluation.ts';
import { serviceAccountIdentity } from '../../src/policy/identity.ts';
import { inboundServer } from '../../src/policy/inbound-server.ts';
import { groupOf } from '../../src/policy/resource.ts';
import { findWorkload, type ObjectChange, type Snapshot, withChanges } from '../../src/policy/snapshot.ts';
import type { Change, Remedy } from '../../src/remedies/remedy.ts';
import { caseFolders, caseOf } from '../case-folder.ts';
import { cluster as anyCluster, port as anyPort, question as anyQuestion } from '../policy/arbitrary.ts';
import { snapshot as snapshotOf } from '../policy/cluster.ts';
import { offersFor } from './plead.ts';

const CASES = caseFolders(join(import.meta.dirname, '../cases'));

function appliedOf({ changes }: Remedy): readonly ObjectChange[] {
  return changes.map(({ after, object }) => (after === null ? { delete: object } : { apply: after }));
}

/** A patch as RFC 6902 has it; null: a `test` failed. */
function patched(document: unknown, operations: readonly PatchOperation[]): unknown {
  const copy: unknown = structuredClone(document);
  for (const operation of operations) {
    const path = pathOfPointer(operation.path);
    const last = path.at(-1) ?? '';
    let at = copy as Record<string, unknown>;
    for (const key of path.slice(0, -1)) at = at[key] as Record<string, unknown>;
    if (operation.op === 'test') {
      // As the API server has it, null says that nothing stands there.
      if (!isEqual(at[last] ?? null, operation.value)) return null;
    } else if (operation.op === 'remove') delete at[last];
    else at[last] = operation.value;
  }
  return copy;
}

/** What is written down: whole, admitted, and read again as the same; a patch that leads there from what stood, and from nothing else. */
function checkWritten({ action, before, after, manifest, patch, diff }: Change): void {
  expect(diff).not.toBe('');
  if (after === null) return;
  if (!OF_KUBERNETES.has(groupOf(after.apiVersion))) expect(admit(after)).toMatchObject({ admitted: true });
  const [read] = readManifests(showYaml(manifest), 'remedy.yaml', {}).resources;
  expect(read === undefined ? null : manifestOf(read)).toEqual(manifest);
  if (action !== 'edit' || before === null) return;
  expect(patched(manifestOf(before), patch)).toEqual(manifest);
  expect(patched(manifest, patch)).toBeNull();
}

/** None of Linkerd's webhook. */
const OF_KUBERNETES: ReadonlySet<string> = new Set(['', 'apps', 'batch']);

/** The client gets in; once more changes nothing. */
function checkApplied(remedy: Remedy, target: TargetExplanation, before: Snapshot): Snapshot {
  const { evaluation, port } = target;
  const pod = podOf(target, before);
  if (evaluation === null || pod === null || port === null) throw new Error('a remedy without a law');
  const changes = appliedOf(remedy);
  const apply = remedy.id === 'own-service-account' ? withApplied : withChanges;
  const after = apply(before, changes);
  const policy = inboundServer(after, findWorkload(after, 'Pod', pod.ref.namespace, pod.ref.name) ?? pod, port);
  const connection = { ...evaluation.connection, ...identityAfter(changes, after) };
  const traffics: readonly Traffic[] = [
    evaluation.traffic,
    ...(policy.routes ?? []).map(({ ref }): Traffic => ({ type: 'http-on-route', route: ref })),
  ];
  const verdicts = traffics.map((traffic) => evaluate(policy, connection, traffic).verdict);
  expect(verdicts.slice(0, IN_OTHER_WORDS.has(remedy.id) ? undefined : 1).some(getsIn), `${remedy.id}: ${verdicts[0]}`).toBe(true);
  expect(inboundServer(apply(after, changes), pod, port)).toEqual(policy);
  return after;
}
/** Of a client whose workload gets a ServiceAccount of its own. */
function identityAfter(changes: readonly ObjectChange[], { info }: Snapshot) {
  const account = changes.flatMap((change) =>
    'apply' in change && change.apply.kind === 'ServiceAccount' ? [change.apply.metadata] : [],
  )[0];
  if (account === undefined) return {};
  return { tls: { state: 'established' as const, clientId: serviceAccountIdentity(info, account.namespace, account.name) } };
}

/** The proxy reads the same request in another way afterwards, or nobody logged it whole. */
const IN_OTHER_WORDS: ReadonlySet<string> = new Set(['repair-protocol', 'scrape-route', 'attach-route']);

function podOf({ namespace, pods, workload }: TargetExplanation, snapshot: Snapshot) {
  for (const name of pods) {
    const pod = findWorkload(snapshot, 'Pod', namespace ?? '', name);
    if (pod !== null) return pod;
  }
  return workload === null ? null : findWorkload(snapshot, 'Pod', namespace ?? '', `${workload.name}@${workload.kind.toLowerCase()}`);
}

describe('the remedies of every case', () => {
  it.each(CASES.map((folder) => [`${folder.id}/${folder.name}`, folder] as const))('%s', async (_name, folder) => {
    const { case: asked, files } = await caseOf(folder);
    const { clients } = explain({ ...asked, remedies: { files, forceGrant: true } });
    const snapshot = asked.cluster?.at(asked.question.at);
    for (const target of clients.flatMap(({ targets }) => targets)) {
      for (const remedy of target.wayOut?.remedies ?? []) {
        for (const change of remedy.changes) checkWritten(change);
        if (remedy.changes.length === 0 || snapshot === undefined) continue;
        if (podOf(target, snapshot) !== null) checkApplied(remedy, target, snapshot);
      }
    }
  });
});

describe('the remedies of clusters at random', () => {
  const plea = fc.record({ resources: anyCluster, asked: anyQuestion, port: anyPort });

  it('let the client in, are written down so that they are read again, and change nothing the second time', () => {
    let proved = 0;
    fc.assert(
      fc.property(plea, ({ resources, asked: { ip, tls, traffic }, port }) => {
        const snapshot = snapshotOf(resources);
        const pod = findWorkload(snapshot, 'Pod', 'shop', 'backend');
        for (const { remedy, target } of pod === null ? [] : offersFor(snapshot, pod, port, { clientIp: ip, tls }, traffic)) {
          if (target === null || remedy.changes.length === 0) continue;
          proved++;
          for (const change of remedy.changes) checkWritten(change);
          checkApplied(remedy, target, snapshot);
        }
      }),
      { numRuns: 300 },
    );
    expect(proved).toBeGreaterThan(20);
  });
});
