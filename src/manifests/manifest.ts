/** An object as a person writes it: without what only an API server adds. */
import type { Resource } from '../policy/resource.ts';

const LAST_APPLIED = 'kubectl.kubernetes.io/last-applied-configuration';

/** For `kubectl apply`. */
export function manifestOf({ apiVersion, kind, metadata, spec, data }: Resource): Readonly<Record<string, unknown>> {
  const { name, namespace, labels, annotations } = metadata;
  const written = Object.fromEntries(Object.entries(annotations ?? {}).filter(([key]) => key !== LAST_APPLIED));
  return {
    apiVersion,
    kind,
    metadata: {
      name,
      ...(namespace === '' ? {} : { namespace }),
      ...(labels === undefined || Object.keys(labels).length === 0 ? {} : { labels }),
      ...(Object.keys(written).length === 0 ? {} : { annotations: written }),
    },
    ...(spec === undefined ? {} : { spec }),
    ...(data === undefined ? {} : { data }),
  };
}
