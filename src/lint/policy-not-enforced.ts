import type { Path } from '../manifests/document.ts';
import { wirePort } from '../policy/wire-port.ts';
import type { Workload } from '../policy/workload.ts';
import { nameWorkload } from './effect.ts';
import { some } from './objects.ts';
import type { LintRule } from './rule.ts';
import { podsOfServer, portsTaken, readServers, whyWithoutProxy } from './servers.ts';

export const policyNotEnforced: LintRule = {
  code: 'policy-not-enforced',
  title: 'a Server of pods or ports that no proxy guards',
  *check({ resources, snapshot, isWhole }) {
    for (const { object, server } of readServers(snapshot, resources)) {
      const pods = podsOfServer(snapshot, server);
      const bare = pods.flatMap((pod) => {
        const why = pod.meshed ? null : whyWithoutProxy(snapshot, pod, isWhole);
        return why === null ? [] : [{ name: nameWorkload(snapshot, pod), why }];
      });
      const skipped = pods.flatMap((pod) =>
        portsTaken(server, pod).flatMap((port) =>
          pod.meshed && isSkipped(pod, port) ? [{ name: nameWorkload(snapshot, pod), port }] : [],
        ),
      );
      const [first] = bare;
      const [passed] = skipped;
      const draft = (path: Path, problem: string, where: string, right: string) =>
        ({
          severity: 'error',
          object,
          path,
          problem,
          effect: `Nothing is enforced on ${where}: everyone gets in who reaches it, whatever policies say.`,
          right,
          edits: [],
        }) as const;
      if (first !== undefined)
        yield draft(
          ['spec', 'podSelector'],
          `${first.name} has no proxy: ${first.why}. It is the server's proxy that enforces policy.`,
          `port ${server.port} of ${some(unique(bare))}`,
          'A proxy: away with what stands in its way, and linkerd.io/inject: enabled on the pod template or the Namespace. Where there must be none, a NetworkPolicy.',
        );
      if (passed !== undefined)
        yield draft(
          ['spec', 'port'],
          `${passed.name} has port ${passed.port} in config.linkerd.io/skip-inbound-ports: what comes in there passes the proxy by.`,
          `port ${passed.port} of ${some(unique(skipped))}`,
          'Take the port out of config.linkerd.io/skip-inbound-ports.',
        );
    }
  },
};

function unique(found: readonly { readonly name: string }[]): readonly string[] {
  return [...new Set(found.map(({ name }) => name))];
}

function isSkipped({ resource }: Workload, port: number): boolean {
  const client = { meshed: true, pod: null };
  const { reason } = wirePort({ client, server: resource, port, dialled: port, opaque: false, transport: 'transport-header' });
  return reason === 'skip-inbound-ports';
}
