import { PROXY_ADMIN_PORT } from '../access/ports.ts';
import type { Path } from '../manifests/document.ts';
import { inboundServer } from '../policy/inbound-server.ts';
import { objectKey, type Resource, refOf } from '../policy/resource.ts';
import { selects } from '../policy/selector.ts';
import { namespaceIndex, type Snapshot } from '../policy/snapshot.ts';
import { ANNOTATION, type Workload } from '../policy/workload.ts';
import { annotatedBy } from './annotated.ts';
import { accessOf, meshedIn, nameWorkload } from './effect.ts';
import type { LintRule } from './rule.ts';
import { keysOf } from './servers.ts';

export const metricsClosed: LintRule = {
  code: 'metrics-closed',
  title: 'the default policy deny closes the proxy’s own port to Prometheus',
  *check({ resources, snapshot }) {
    const linted = keysOf(resources);
    const said = new Set<string>();
    for (const namespace of new Set(resources.map(({ metadata, kind }) => (kind === 'Namespace' ? metadata.name : metadata.namespace)))) {
      for (const pod of meshedIn(snapshot, namespace)) {
        const policy = inboundServer(snapshot, pod, PROXY_ADMIN_PORT);
        if (policy.server !== null || policy.authorizations.length > 0 || policy.ref.name !== 'deny') continue;
        const source = sourceOf(snapshot, pod, linted);
        if (source === null || said.has(objectKey(refOf(source.object)))) continue;
        said.add(objectKey(refOf(source.object)));
        yield {
          severity: 'warning',
          ...source,
          problem: `Port ${PROXY_ADMIN_PORT} of the proxy is under the default policy deny like any other port, and no Server takes it.`,
          effect: `Port ${PROXY_ADMIN_PORT} of ${nameWorkload(snapshot, pod)} lets in ${accessOf(snapshot, pod, policy)}: Prometheus gets 403, meshed or not, and every alert on denials is blind for just these pods.`,
          right:
            'A Server for port linkerd-admin, a route /metrics for the ServiceAccount of Prometheus, routes /live and /ready for the kubelet: linkerd viz allow-scrapes -n NAMESPACE prints them.',
          edits: [],
        };
      }
    }
  },
};

/** The object whose annotation it is: the workload, or its Namespace. null: it is not among those looked at. */
function sourceOf(
  snapshot: Snapshot,
  pod: Workload,
  linted: ReadonlySet<string>,
): { readonly object: Resource; readonly path: Path } | null {
  const annotated = annotatedBy(snapshot, pod, ANNOTATION.defaultInboundPolicy, linted);
  if (annotated !== null) return annotated;
  // Where nothing that makes the pods is there, whoever wrote a Server for them is who can write another.
  for (const { value, resource } of namespaceIndex(snapshot, pod.ref.namespace).servers.values())
    if (value !== null && selects(value.selector, pod.labels) && linted.has(objectKey(refOf(resource))))
      return { object: resource, path: ['spec', 'port'] };
  return linted.has(objectKey(pod.ref))
    ? { object: pod.resource, path: ['metadata', 'annotations', ANNOTATION.defaultInboundPolicy] }
    : null;
}
