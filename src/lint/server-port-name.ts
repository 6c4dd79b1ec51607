import { isSlip } from '../diagnoses/near-name.ts';
import { effectOf, nameWorkload } from './effect.ts';
import { some } from './objects.ts';
import type { LintRule } from './rule.ts';
import { podsOfServer, readServers } from './servers.ts';

/** The proxy's own. */
const PROXY_PORT_NAMES: ReadonlySet<string> = new Set(['linkerd-proxy', 'linkerd-admin', 'linkerd-control']);

export const serverPortName: LintRule = {
  code: 'server-port-name',
  title: 'a Server names a port that no container has',
  *check({ resources, snapshot }) {
    for (const { object, server } of readServers(snapshot, resources)) {
      const { port } = server;
      const pods = podsOfServer(snapshot, server);
      if (typeof port !== 'string' || pods.length === 0 || PROXY_PORT_NAMES.has(port) || pods.some((pod) => pod.portNames.has(port)))
        continue;
      const declared = [...new Set(pods.flatMap((pod) => [...pod.portNames.keys()]))].filter((name) => !PROXY_PORT_NAMES.has(name));
      const numbers = [...new Set(pods.flatMap((pod) => pod.ports))];
      const near = declared.filter((name) => isSlip(name, port));
      const [only] = near;
      const [pod] = pods;
      yield {
        severity: 'error',
        object,
        path: ['spec', 'port'],
        problem: `No container of ${pod === undefined ? 'the pods' : nameWorkload(snapshot, pod)} has a TCP port named ${port}. It is the name in containers[].ports that counts, not that of a Service, and case matters.`,
        effect: effectOf(snapshot, object),
        right: declared.length > 0 ? `port: ${some(declared, 5)}` : `port: ${some(numbers.map(String), 5) || 'its number'}`,
        edits: near.length === 1 && only !== undefined ? [{ set: ['spec', 'port'], value: only }] : [],
      };
    }
  },
};
