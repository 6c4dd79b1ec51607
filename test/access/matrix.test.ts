import fc from 'fast-check';
import { expect, it } from 'vitest';
import { callerOfPod } from '../../src/access/can.ts';
import { getsIn } from '../../src/access/compare.ts';
import { accessMatrix } from '../../src/access/matrix.ts';
import { allPorts } from '../../src/access/ports.ts';
import { accessRequests } from '../../src/access/requests.ts';
import { evaluate } from '../../src/policy/evaluate.ts';
import { inboundServer } from '../../src/policy/inbound-server.ts';
import type { Snapshot } from '../../src/policy/snapshot.ts';
import { readCluster } from '../bench/policy.ts';
import { anyPods, cluster } from '../policy/arbitrary.ts';
import { snapshot } from '../policy/cluster.ts';

/** Pod by pod, port by port, request by request. */
function oneByOne(of: Snapshot) {
  const pods = [...of.namespaces.values()].flatMap(({ workloads }) =>
    [...workloads.values()].flatMap(({ value }) => (value?.kind === 'Pod' ? [value] : [])),
  );
  let allowed = 0;
  for (const { workloads, port } of allPorts(of)) {
    for (const server of workloads) {
      const policy = inboundServer(of, server, port);
      const requests = accessRequests([policy]);
      for (const pod of pods) {
        const { ip, tls } = callerOfPod(of, pod);
        if (requests.some(({ traffic }) => getsIn(evaluate(policy, { clientIp: ip, tls }, traffic).verdict))) allowed++;
      }
    }
  }
  return { clients: pods.length, allowed };
}

it('counts the same pairs as pod by pod in clusters at random', () => {
  fc.assert(
    fc.property(cluster, anyPods, (resources, pods) => {
      const whole = snapshot([...resources, ...pods]);
      const { clients, allowed } = accessMatrix(whole);
      expect({ clients, allowed }).toEqual(oneByOne(whole));
    }),
    { numRuns: 500 },
  );
});

it('counts the same pairs as pod by pod in part of the 10,000 pods', () => {
  const { snapshot: whole } = readCluster();
  const names = [...whole.namespaces.keys()].filter((name) => name !== '').slice(0, 2);
  const part: Snapshot = {
    info: whole.info,
    namespaces: new Map([...whole.namespaces].filter(([name]) => name === '' || names.includes(name))),
  };
  const { clients, allowed, pairs } = accessMatrix(part);
  expect({ clients, allowed }).toEqual(oneByOne(part));
  expect(allowed).toBeGreaterThan(1000);
  expect(allowed).toBeLessThan(pairs);
});
