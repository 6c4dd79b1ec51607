import { resourcesOfKind, type Snapshot } from '../policy/snapshot.ts';
import { ANNOTATION, readPortList } from '../policy/workload.ts';
import { nameWorkload } from './effect.ts';
import { textAt } from './objects.ts';
import type { LintRule } from './rule.ts';
import { portsServed, readServers, type ServedPort } from './servers.ts';
import { servicePortsOf } from './services.ts';

const HTTP: ReadonlySet<string> = new Set(['http1', 'http2', 'grpc']);

export const opaquePortHttpServer: LintRule = {
  code: 'opaque-port-http-server',
  title: 'an HTTP Server on a port that clients are told is opaque',
  *check({ resources, snapshot }) {
    for (const { object, server } of readServers(snapshot, resources)) {
      if (!HTTP.has(server.protocol)) continue;
      for (const served of portsServed(snapshot, server)) {
        const by = saidOpaqueBy(snapshot, served);
        if (by === null) continue;
        const protocol = textAt(object, 'spec', 'proxyProtocol') ?? '';
        const name = nameWorkload(snapshot, served.pod);
        yield {
          severity: 'error',
          object,
          path: ['spec', 'proxyProtocol'],
          problem: `${by} makes port ${served.port} of ${name} opaque, and the Server says ${protocol}.`,
          effect: `Meshed clients send a plain connection without saying that it is HTTP, and on a Server of ${protocol} such a connection is always denied: no policy lets it in, and routes are never asked.`,
          right: `Take the port out of ${ANNOTATION.opaquePorts} where it carries HTTP (config.linkerd.io/opaque-ports: "" on the pod template where it is there by default); proxyProtocol: opaque where it does not.`,
          edits: [],
        };
        break;
      }
    }
  },
};

/** What tells clients so; null: nothing does. */
function saidOpaqueBy(snapshot: Snapshot, { pod, port }: ServedPort): string | null {
  if (pod.settings.opaquePorts.has(port))
    return `${ANNOTATION.opaquePorts}: ${pod.resource.metadata.annotations?.[ANNOTATION.opaquePorts]} of the pod`;
  for (const service of resourcesOfKind(snapshot, '', 'Service', pod.ref.namespace).values()) {
    const written = service.metadata.annotations?.[ANNOTATION.opaquePorts];
    const ports = written === undefined ? null : readPortList(written);
    if (ports != null && servicePortsOf(service, pod, port).some((own) => ports.has(own)))
      return `${ANNOTATION.opaquePorts}: ${written} of Service ${service.metadata.name}`;
  }
  return null;
}
