/** What NetworkPolicy lets through before and after, pod by pod and port by port, held against what the proof says. */
import { inboundServer } from '../../src/policy/inbound-server.ts';
import { networkAnswer } from '../../src/policy/network-answer.ts';
import { objectKey } from '../../src/policy/resource.ts';
import type { Snapshot } from '../../src/policy/snapshot.ts';
import type { Workload } from '../../src/policy/workload.ts';
import type { Proof } from '../../src/remedies/remedy.ts';

/** Who newly gets through must be in the proof, the client among them, and nobody else; nobody is shut out. */
export function networkDifferences({ clientToo, newlyIn }: Proof, before: Snapshot, after: Snapshot): readonly string[] {
  const found = { in: new Set<string>(), out: new Set<string>() };
  const servers = podsOf(before).filter(({ meshed }) => meshed);
  for (const server of servers) {
    for (const port of new Set([...server.ports, ...server.probes.keys()].filter((one) => one !== 4143))) {
      for (const client of podsOf(before)) {
        const [was, now] = [answerIn(before, client, server, port), answerIn(after, client, server, port)];
        if (was === now) continue;
        const name = `${client.meshed ? 'service-account' : 'unmeshed'} ${client.ref.namespace}/${client.serviceAccount} ${server.ref.namespace}:${port}`;
        found[now === 'allow' ? 'in' : 'out'].add(name);
      }
    }
  }
  const said = new Set(
    [...clientToo, ...newlyIn].map(({ who, namespace, port }) => {
      const name = who.type === 'service-account' ? who.name : who.type === 'unmeshed' ? who.serviceAccount : '';
      return `${who.type} ${'namespace' in who ? who.namespace : ''}/${name} ${namespace}:${port}`;
    }),
  );
  const unsaid = [...found.in].filter((name) => !said.has(name));
  return [
    // The client on the port that it asked for is what the remedy is for.
    ...(unsaid.length === 1 ? [] : [`not said, beside the client: ${unsaid.join(', ') || 'nobody, and the client does not get through'}`]),
    ...[...said].filter((name) => !found.in.has(name)).map((name) => `said to get through, and does not: ${name}`),
    ...[...found.out].map((name) => `shut out: ${name}`),
  ];
}

function podsOf({ namespaces }: Snapshot): readonly Workload[] {
  return [...namespaces.values()].flatMap(({ workloads }) =>
    [...workloads.values()].flatMap(({ value }) => (value?.kind === 'Pod' ? [value] : [])),
  );
}

function answerIn(snapshot: Snapshot, client: Workload, server: Workload, port: number): string {
  const now = (pod: Workload) => podsOf(snapshot).find(({ ref }) => objectKey(ref) === objectKey(pod.ref)) ?? pod;
  const tls = client.meshed
    ? ({ state: 'established', clientId: null } as const)
    : ({ state: 'none', reason: 'no_tls_from_remote' } as const);
  const asked = { client: now(client), clientIp: client.ips[0] ?? null, tls, server: now(server), port };
  return networkAnswer(snapshot, { ...asked, policy: inboundServer(snapshot, asked.server, port) })?.verdict.verdict ?? 'allow';
}
