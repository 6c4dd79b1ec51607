/** `lint` on a real API server that holds the story, and on files that go to it. */
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Cluster, startCluster } from '../cluster/cluster.ts';
import { linkerdCrdsSkip } from '../cluster/crds.ts';
import { clusterSkip } from '../cluster/skip.ts';
import { fillCluster, playChanges } from '../cluster/story.ts';
import { readStory } from '../cluster/story-events.ts';
import { run } from '../run-command.ts';

const skip = clusterSkip ?? linkerdCrdsSkip;
const STORY = join(import.meta.dirname, '..', '..', 'demo', 'policy-history.jsonl');
/** While the typo in frontend-mtls is there. */
const UNTIL = '2026-11-23T09:28:00Z';

let cluster: Cluster;

async function lint(args: readonly string[]) {
  const { stdout, exitCode } = await run(['lint', ...args, '--kubeconfig', cluster.kubeconfig.admin, '-o', 'json']);
  const { findings } = JSON.parse(stdout) as {
    findings: { code: string; severity: string; object: { kind: string; name: string }; line: number | null; effect: string }[];
  };
  return {
    findings,
    errors: findings.filter(({ severity }) => severity === 'error').map(({ code, object }) => `${code} ${object.kind}/${object.name}`),
    exitCode,
  };
}

describe.skipIf(skip !== null)(`lint, live${skip === null ? '' : ` [${skip}]`}`, () => {
  beforeAll(async () => {
    cluster = await startCluster();
    const events = readStory(STORY).filter(({ isInitial, observedAt }) => isInitial || observedAt < UNTIL);
    await fillCluster(cluster, events);
    await playChanges(cluster, events, { speed: null });
  }, 240_000);
  afterAll(async () => {
    await cluster?.stop();
  });

  it('finds the typo that shuts the frontend out, and of the other policies only what this cluster does not have', async () => {
    const { errors, exitCode } = await lint(['-n', 'production']);
    const ofLinkerd = errors.filter((error) => !error.includes('NetworkPolicy/'));
    expect(ofLinkerd.toSorted()).toEqual([
      'identity-wrong-namespace MeshTLSAuthentication/frontend-mtls',
      // There is no linkerd-viz in it.
      'unknown-service-account AuthorizationPolicy/proxy-metrics-prometheus',
    ]);
    expect(errors).toContain('network-policy-outbound-port NetworkPolicy/frontend-policy');
    expect(exitCode).toBe(1);
  });

  it('judges files in the cluster that they go to: what is missing there is missing', async () => {
    const path = join(mkdtempSync(join(tmpdir(), 'denywhy-lint-')), 'policy.yaml');
    const policy = (target: string, account: string) => `apiVersion: policy.linkerd.io/v1alpha1
kind: AuthorizationPolicy
metadata:
  name: reports
  namespace: production
spec:
  targetRef:
    group: policy.linkerd.io
    kind: Server
    name: ${target}
  requiredAuthenticationRefs:
    - kind: ServiceAccount
      name: ${account}
`;
    writeFileSync(path, policy('reports-http', 'nobody-here'));
    const wrong = await lint([path, '--against']);
    expect(wrong.errors).toEqual(['target-missing AuthorizationPolicy/reports', 'unknown-service-account AuthorizationPolicy/reports']);
    expect(wrong.findings.map(({ line }) => line)).toEqual([10, 13]);
    writeFileSync(path, policy('backend-http', 'frontend'));
    const right = await lint([path, '--against']);
    expect(right.errors).toEqual([]);
    expect(right.exitCode).toBe(0);
  });
});
