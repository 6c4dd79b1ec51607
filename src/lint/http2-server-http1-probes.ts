import { effectOf, nameWorkload } from './effect.ts';
import { textAt } from './objects.ts';
import type { LintRule } from './rule.ts';
import { portsServed, probesAt, readServers } from './servers.ts';

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
      const paths = probesAt(found.pod, found.port).map(({ path }) => path);
      yield {
        severity: probed === undefined ? 'warning' : 'error',
        object,
        path: ['spec', 'proxyProtocol'],
        problem:
          probed === undefined
            ? `The port is named http, and the Server says ${written}: the proxy then takes whatever comes without mesh TLS for HTTP/2.`
            : `The kubelet probes port ${found.port} of ${nameWorkload(snapshot, found.pod)} (${[...new Set(paths)].join(', ')}) by HTTP/1.1, and the Server says ${written}.`,
        effect:
          probed === undefined
            ? `Clients without a proxy that speak HTTP/1.1, and HTTP probes of the kubelet where there are any, get no answer: neither a denial nor a log line. ${effectOf(snapshot, object)}`
            : 'The proxy cannot read the probes: no denial, no log line, the pods become unready, and then meshed clients get 503 and 504.',
        right: 'proxyProtocol: unknown (both are detected), or HTTP/1',
        edits: probed === undefined ? [] : [{ set: ['spec', 'proxyProtocol'], value: 'unknown' }],
      };
    }
  },
};
