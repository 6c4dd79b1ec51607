/** The kubelet is let in on its probes, where nobody's denial told of it: of the cases that people have read. */
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { mismatchedProbes, refusedProbes } from '../../src/diagnoses/probes.ts';
import { explain } from '../../src/explain.ts';
import { findWorkload, withChanges } from '../../src/policy/snapshot.ts';
import { showNewcomer } from '../../src/remedies/wording.ts';
import { caseFolders, caseOf } from '../case-folder.ts';

const OF_PROBES: ReadonlySet<string> = new Set(['http-version-mismatch', 'probe-not-allowed']);
const CASES = caseFolders(join(import.meta.dirname, '../cases')).filter(({ id }) => OF_PROBES.has(id));

/** Where a client tells of a pod that is not ready. */
const TROUBLED: ReadonlySet<string> = new Set([
  'firing-probe-of-a-grpc-server',
  'firing-probe-of-an-http2-server',
  'firing-tutorial-as-written',
  'firing-clients-of-an-unready-pod',
  'firing-no-log-of-the-server',
  'firing-tutorial-with-http1-alone',
  'firing-a-grpc-probe-beside-http-routes',
  'firing-a-grpc-probe-beside-grpc-routes',
  'firing-a-grpc-probe-and-no-route',
  'quiet-grpc-probe',
]);

describe('pods that are not ready because of their probes', () => {
  it.each(CASES.map((folder) => [`${folder.id} ${folder.name}`, folder] as const))('%s', async (_name, folder) => {
    const { case: asked, files } = await caseOf(folder);
    const snapshot = asked.cluster?.at(asked.question.at);
    const { troubles } = explain({ ...asked, remedies: { files, forceGrant: false } });
    const found = troubles.filter(({ findings: [first], wayOut }) => wayOut !== null && first !== undefined && OF_PROBES.has(first.id));
    expect(found.length > 0).toBe(TROUBLED.has(folder.name));
    if (found.length === 0) return;
    const told = found.map(({ client, wayOut }) =>
      [
        `# ${client?.key}: ${wayOut?.verdict}`,
        ...(wayOut?.reasons ?? []),
        ...(wayOut?.remedies ?? []).flatMap(({ title, changes, steps, proof }) => [
          `## ${title}`,
          ...steps.map(({ text }) => text),
          ...(proof?.clientToo ?? []).map((one) => `lets it in too: ${showNewcomer(one)}`),
          ...(proof?.newlyIn ?? []).map((one) => `newly lets in: ${showNewcomer(one)}`),
          ...(proof?.shutOut ?? []).map((one) => `shuts out: ${showNewcomer(one)}`),
          ...changes.map(({ diff }) => diff),
        ]),
      ].join('\n'),
    );
    for (const { destination, wayOut } of found)
      for (const { changes } of wayOut?.remedies ?? [])
        for (const { pod } of destination?.pods ?? []) {
          if (snapshot === undefined) continue;
          const after = withChanges(
            snapshot,
            changes.map((change) => (change.after === null ? { delete: change.object } : { apply: change.after })),
          );
          const now = findWorkload(after, 'Pod', pod.ref.namespace, pod.ref.name) ?? pod;
          expect([...mismatchedProbes(after, now), ...refusedProbes(after, now)]).toEqual([]);
        }
    await expect(told.join('\n').replaceAll(join(import.meta.dirname, '..').slice(1), '…')).toMatchFileSnapshot(
      `golden/${folder.id}-${folder.name}.txt`,
    );
  });
});

describe('what the objects show of such pods, whoever dials them', () => {
  it('is mended by a change that is proved', async () => {
    const told: string[] = [];
    for (const folder of CASES) {
      const { case: asked, files } = await caseOf(folder);
      const { standing, repairs } = explain({ ...asked, remedies: { files, forceGrant: false } });
      const named = standing.filter(({ id, objects }) => OF_PROBES.has(id) && objects.some(({ ref }) => ref.kind === 'Pod'));
      const podsOf = (findings: typeof named) =>
        new Set(findings.flatMap(({ objects }) => objects.flatMap(({ ref }) => (ref.kind === 'Pod' ? [ref.name] : []))));
      // By the change for the first of its causes, all that refuses a probe goes.
      expect(podsOf(repairs.map(({ finding }) => finding))).toEqual(podsOf(named));
      for (const { finding, wayOut } of repairs) {
        told.push(`# ${folder.id} ${folder.name}: ${wayOut.verdict}`, finding.summary);
        for (const { title, proof, changes } of wayOut.remedies)
          told.push(
            `## ${title}`,
            ...[...(proof?.clientToo ?? []), ...(proof?.newlyIn ?? [])].map((one) => `newly lets in: ${showNewcomer(one)}`),
            ...changes.map(({ action, object }) => `${action} ${object.kind} ${object.namespace}/${object.name}`),
          );
      }
    }
    await expect(`${told.join('\n')}\n`).toMatchFileSnapshot('golden/unready-pods.txt');
  });
});
