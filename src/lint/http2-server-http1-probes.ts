import { authorizationsIn } from '../access/clients.ts';
import { nameWorkload } from './effect.ts';
import { textAt } from './objects.ts';
import type { LintRule } from './rule.ts';
import { portsServed, probesAt, readServers, type ServedPort, showFailing } from './servers.ts';

export const http2ServerHttp1Probes: LintRule = {
  code: 'http2-server-http1-probes',
  title: 'an HTTP/2 Server before HTTP/1 clients',
  *check({ resources, snapshot }) {
    for (const { object, server } of readServers(snapshot, resources)) {
      if (server.protocol !== 'http2' && server.protocol !== 'grpc') continue;
      const served = portsServed(snapshot, server);
      const probed = served.find(({ pod, port }) => probesAt(pod, port).some(({ type }) => type === 'httpGet'));
      const named = server.protocol === 'http2' && server.port === 'http' ? served[0] : undefined;
      const found = probed ?? named;
      if (found === undefined) continue;
      const written = textAt(object, 'spec', 'proxyProtocol') ?? '';
      const name = nameWorkload(snapshot, found.pod);
      const { which, consequence } = showFailing(probesAt(found.pod, found.port).filter(({ type }) => type === 'httpGet'));
      yield {
        severity: probed === undefined ? 'warning' : 'error',
        object,
        path: ['spec', 'proxyProtocol'],
        problem:
          probed === undefined
            ? `The port is named http, and the Server says ${written}: whatever comes without mesh TLS is taken for HTTP/2.`
            : `The kubelet probes port ${found.port} of ${name} by HTTP/1.1 (${which}), and the Server says ${written}.`,
        effect:
          probed === undefined
            ? `${name} has no HTTP probe on port ${found.port}; one that is added fails. ${ofOthers(found)}`
            : `The proxy cannot read the ${which}: no denial, no log line. The pods of ${name} fail: ${consequence}.`,
        right: 'proxyProtocol: unknown (both are detected), or HTTP/1',
        edits: probed === undefined ? [] : [{ set: ['spec', 'proxyProtocol'], value: 'unknown' }],
      };
    }
  },
};

/** Of those without a proxy; between proxies HTTP/2 is spoken anyway. */
function ofOthers({ port, policy }: ServedPort): string {
  const isOpen = authorizationsIn(policy).some(({ authentication }) => authentication.type === 'unauthenticated');
  return isOpen
    ? `Policies let in clients without a mesh identity on port ${port}: those that speak HTTP/1.1 get no answer, neither a denial nor a log line. Meshed clients are fine.`
    : 'Meshed clients are fine. Others are let in by no policy; with HTTP/1.1 they get no answer in place of a denial, and no log line says so.';
}
