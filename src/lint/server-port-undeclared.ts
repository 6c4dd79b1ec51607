import { resourcesOfKind, type Snapshot } from '../policy/snapshot.ts';
import type { Workload } from '../policy/workload.ts';
import { effectOf, nameWorkload } from './effect.ts';
import { some } from './objects.ts';
import type { LintRule } from './rule.ts';
import { podsOfServer, readServers } from './servers.ts';
import { servicePortsOf } from './services.ts';

/** Those of the proxy need no declaration. */
const PROXY_PORTS: ReadonlySet<number> = new Set([4143, 4190, 4191]);

export const serverPortUndeclared: LintRule = {
  code: 'server-port-undeclared',
  title: 'a Server of a port that no container declares',
  *check({ resources, snapshot }) {
    for (const { object, server } of readServers(snapshot, resources)) {
      const { port } = server;
      const pods = podsOfServer(snapshot, server);
      const [pod] = pods;
      if (typeof port !== 'number' || PROXY_PORTS.has(port) || pod === undefined || pods.some(({ ports }) => ports.includes(port)))
        continue;
      const service = serviceOf(snapshot, pod, port);
      const declared = some([...new Set(pods.flatMap(({ ports }) => ports))].filter((one) => !PROXY_PORTS.has(one)).map(String), 5);
      yield {
        severity: service === null ? 'info' : 'error',
        object,
        path: ['spec', 'port'],
        problem:
          service === null
            ? `No container of ${nameWorkload(snapshot, pod)} declares port ${port}.`
            : `${port} is the port of Service ${service.name}, which leads to port ${service.target} of ${nameWorkload(snapshot, pod)}. A Server takes the ports of the pods.`,
        effect: `${effectOf(snapshot, object)} A proxy asks for the policy of a port that is not declared with the first connection to it: the first ones meet the default policy that the pod was made with.`,
        right:
          service === null
            ? `containers[].ports: containerPort: ${port}, where the application listens there${declared === '' ? '' : `; declared are ${declared}`}`
            : `port: ${service.target}`,
        edits: service === null ? [] : [{ set: ['spec', 'port'], value: service.target }],
      };
    }
  },
};

/** The Service whose own port it is, where that leads to one other port of the pods. */
function serviceOf(snapshot: Snapshot, pod: Workload, port: number): { readonly name: string; readonly target: number } | null {
  for (const service of resourcesOfKind(snapshot, '', 'Service', pod.ref.namespace).values()) {
    const targets = pod.ports.filter((target) => servicePortsOf(service, pod, target).includes(port));
    const [target] = targets;
    if (targets.length === 1 && target !== undefined) return { name: service.metadata.name, target };
  }
  return null;
}
