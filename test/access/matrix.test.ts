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

/** Pod by pod, port by port, request by request. */
function oneByOne(snapshot: Snapshot) {
  const pods = [...snapshot.namespaces.values()].flatMap(({ workloads }) =>
    [...workloads.values()].flatMap(({ value }) => (value?.kind === 'Pod' ? [value] : [])),
  );
  let allowed = 0;
  for (const { workloads, port } of allPorts(snapshot)) {
    for (const server of workloads) {
      const policy = inboundServer(snapshot, server, port);
      const requests = accessRequests([policy]);
      for (const pod of pods) {
        const { ip, tls } = callerOfPod(snapshot, pod);
        if (requests.some(({ traffic }) => getsIn(evaluate(policy, { clientIp: ip, tls }, traffic).verdict))) allowed++;
      }
    }
  }
  return { clients: pods.length, allowed };
}

it('counts the same pairs as pod by pod', () => {
  const { snapshot } = readCluster();
  const names = [...snapshot.namespaces.keys()].filter((name) => name !== '').slice(0, 2);
  const part: Snapshot = {
    info: snapshot.info,
    namespaces: new Map([...snapshot.namespaces].filter(([name]) => name === '' || names.includes(name))),
  };
  const { clients, allowed, pairs } = accessMatrix(part);
  expect({ clients, allowed }).toEqual(oneByOne(part));
  expect(allowed).toBeGreaterThan(1000);
  expect(allowed).toBeLessThan(pairs);
});
