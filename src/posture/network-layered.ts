/** NetworkPolicy and Linkerd each refuse what the other might let through, and NetworkPolicy leaves 4143 open, where meshed clients arrive. */
import type { EnforcedPort } from '../access/enforced.ts';
import { networkPlugin } from '../access/network-plugin.ts';
import type { Evidence, Judgement, PostureContext, PostureWorkload, Practice } from './practice.ts';
import { evidence, evidenceOfRef, nameOf, objectOf, quoted, showPort } from './wording.ts';

export const networkLayered: Practice = {
  id: 'network-layered',
  title: 'NetworkPolicy and Linkerd’s policy are layered, and 4143 is open',
  judge: (context, namespace) =>
    context.workloadsIn(namespace).flatMap((workload) => (workload.ports.length === 0 ? [] : [judgeOne(context, workload)])),
};

const PROXY_PORTS: ReadonlySet<number> = new Set([4143, 4191]);

function judgeOne(context: PostureContext, workload: PostureWorkload): Judgement {
  const own = workload.ports.filter(({ port }) => !PROXY_PORTS.has(port));
  const isolated = workload.ports.filter(({ network }) => network !== null);
  const isIsolated = isolated.length === workload.ports.length;
  const open = own.filter(letsEveryoneIn);
  const cut = own.filter(cutsMeshed);
  const shown = [
    ...networkEvidence(context, workload, isolated),
    ...cut.map((port) => cutEvidence(context, port)),
    ...linkerdEvidence(workload, open),
  ];
  const base = { workload: nameOf(workload), evidence: shown };
  if (cut.length > 0)
    return {
      ...{ ...base, state: 'partly', lacking: enforcement(context) },
      found: 'NetworkPolicy opens a port and not 4143: meshed clients do not get through',
      next: { text: 'Open 4143 to the same peers beside the port.', command: policyCommand(workload) },
    };
  if (!isIsolated)
    return {
      ...{ ...base, lacking: [] },
      state: open.length < own.length ? 'partly' : 'not',
      found:
        open.length < own.length
          ? 'no NetworkPolicy isolates it: Linkerd alone refuses'
          : 'neither NetworkPolicy nor Linkerd refuses anybody',
      next: {
        text: 'A NetworkPolicy with policyTypes Ingress, open on 4143 to those whom Linkerd lets in.',
        command: policyCommand(workload),
      },
    };
  if (open.length > 0)
    return {
      ...{ ...base, state: 'partly', lacking: enforcement(context) },
      found: 'NetworkPolicy alone refuses: Linkerd lets everyone in',
      next: { text: 'The plan closes it.', command: `denywhy generate -n ${quoted(workload.ref.namespace)} ${quoted(nameOf(workload))}` },
    };
  const plugin = networkPlugin(context.snapshot);
  const found = 'NetworkPolicy and Linkerd both refuse, and 4143 is open where the port is';
  if (plugin?.enforces === false)
    return {
      ...{ ...base, state: 'partly', lacking: [] },
      found: `NetworkPolicy is written, and ${plugin.plugin} enforces none: Linkerd alone refuses`,
      next: { text: 'Install a network plugin that enforces NetworkPolicy.', command: null },
    };
  const lacking = enforcement(context);
  return { ...base, state: lacking.length === 0 ? 'holds' : 'unknown', found, lacking, next: null };
}

function policyCommand(workload: PostureWorkload): string {
  return `denywhy policy -n ${quoted(workload.ref.namespace)} ${quoted(nameOf(workload))}`;
}

/** Empty: the network plugin is known to enforce it. */
function enforcement({ asks, snapshot }: PostureContext): readonly string[] {
  const plugin = networkPlugin(snapshot);
  if (plugin?.enforces === true) return [];
  return [
    plugin === null
      ? `which network plugin runs, and whether it enforces NetworkPolicy: ${asks.objects('ds', null)}`
      : `whether ${plugin.plugin} (DaemonSet ${plugin.daemonSet}) was set up to enforce NetworkPolicy`,
  ];
}

/** Anyone, from anywhere. */
function letsEveryoneIn({ policy }: EnforcedPort): boolean {
  return policy.authorizations.some(
    ({ authentication, networks }) =>
      authentication.type === 'unauthenticated' && networks.some(({ net, except }) => net.prefix === 0 && except.length === 0),
  );
}

/** Peers may reach the port itself, and nobody the port of the proxy through which meshed clients come. */
function cutsMeshed({ network }: EnforcedPort): boolean {
  return network !== null && network.direct.peers.length > 0 && network.meshed.peers.length === 0;
}

function networkEvidence(context: PostureContext, workload: PostureWorkload, isolated: readonly EnforcedPort[]): readonly Evidence[] {
  const policies = new Map(isolated.flatMap(({ network }) => network?.policies ?? []).map((ref) => [ref.name, ref]));
  if (policies.size === 0) return [evidence('no NetworkPolicy isolates its pods for ingress', objectOf(workload))];
  return [...policies.values()].map((ref) => evidenceOfRef(context.snapshot, `NetworkPolicy ${ref.name} isolates its pods`, ref));
}

function cutEvidence({ snapshot }: PostureContext, { port, names, network }: EnforcedPort): Evidence {
  const [policy] = network?.policies ?? [];
  const peers = network?.direct.peers.join(', ') ?? '';
  const text = `${showPort(port, names)} is open to ${peers}, and ${network?.meshed.port} to nobody`;
  return policy === undefined ? { text, source: 'NetworkPolicy' } : evidenceOfRef(snapshot, text, policy);
}

function linkerdEvidence(workload: PostureWorkload, open: readonly EnforcedPort[]): readonly Evidence[] {
  return open.map(({ port, names, policy }) =>
    evidence(`${showPort(port, names)}: Linkerd lets everyone in (${policy.ref.kind} ${policy.ref.name})`, objectOf(workload)),
  );
}
