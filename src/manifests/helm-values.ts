/** Values files of Helm charts: no Kubernetes objects, and what decides on the policy of a whole cluster nevertheless. */
import { InvalidInput } from '../errors.ts';
import { fieldsOf } from './object.ts';
import type { Manifests } from './read.ts';
import { parseYaml } from './yaml-text.ts';

/** What values are read as: an object of no cluster, named like the file, with the values as `data`. */
export const HELM_VALUES = { apiVersion: 'helm.sh/v1', kind: 'HelmValues' } as const;

export type Chart = 'linkerd-control-plane' | 'linkerd-viz' | 'linkerd-crds';

/** Keys that one chart of Linkerd's has and other charts hardly do (linkerd2 `charts/*` and `viz/charts/*`, `values.yaml`). */
const MARKS: readonly (readonly [chart: Chart, keys: readonly string[]])[] = [
  ['linkerd-viz', ['metricsAPI', 'tapInjector', 'linkerdNamespace']],
  ['linkerd-crds', ['installGatewayAPI', 'enableHttpRoutes', 'enableTlsRoutes', 'enableTcpRoutes']],
  [
    'linkerd-control-plane',
    [
      'identityTrustAnchorsPEM',
      'identityTrustDomain',
      'policyController',
      'policyValidator',
      'proxyInit',
      'proxyInjector',
      'profileValidator',
      'clusterNetworks',
      'cniEnabled',
      'disableHeartBeat',
      'webhookFailurePolicy',
    ],
  ],
];
/** Of `proxy`, which other charts have too. */
const PROXY_MARKS = ['defaultInboundPolicy', 'defaultAllowPolicy', 'requireIdentityOnInboundPorts', 'outboundTransportMode'];

/** Which chart of Linkerd's these are values of; null: none that is known by them. */
export function chartOf(values: unknown): Chart | null {
  const fields = fieldsOf(values);
  if (fields === null) return null;
  const found = MARKS.find(([, keys]) => keys.some((key) => Object.hasOwn(fields, key)))?.[0];
  const proxy = fieldsOf(fields['proxy']) ?? {};
  return found ?? (PROXY_MARKS.some((key) => Object.hasOwn(proxy, key)) ? 'linkerd-control-plane' : null);
}

/** Charts that values of another chart may hold, each below its name. */
export const CHARTS: readonly Chart[] = ['linkerd-control-plane', 'linkerd-viz', 'linkerd-crds'];

const NAMED = /(?:^|\/)(?:values[^/]*|[^/]*[-_.]values)\.ya?ml$/i;

/** null: it is something else, or no whole YAML. Values of other charts are passed over, with a notice. */
export function readHelmValues(text: string, file: string): Manifests | null {
  if (/^\s*[{[]/.test(text) || /^(?:apiVersion|kind)[ \t]*:/m.test(text)) return null;
  const [document, ...more] = parsed(text, file);
  const values = fieldsOf(document?.value);
  if (document === undefined || values === null || more.length > 0) return null;
  const isOfLinkerd = chartOf(values) !== null || CHARTS.some((chart) => Object.hasOwn(values, chart));
  if (!isOfLinkerd && !NAMED.test(file)) return null;
  const origin = document.cheapPlace([]);
  const name = file.slice(file.lastIndexOf('/') + 1);
  return {
    file,
    isManifest: true,
    resources: isOfLinkerd ? [{ ...HELM_VALUES, metadata: { name, namespace: '' }, data: values, origin }] : [],
    events: [],
    observedFrom: null,
    unread: new Map(),
    notices: isOfLinkerd
      ? []
      : [{ origin, message: 'Passed over: values of a chart that is none of Linkerd’s.', topic: 'values of another chart', count: 1 }],
  };
}

function parsed(text: string, file: string): ReturnType<typeof parseYaml>['documents'] {
  try {
    return parseYaml(text.charCodeAt(0) === 0xfeff ? text.slice(1) : text, file).documents;
  } catch (error) {
    if (error instanceof InvalidInput) return [];
    throw error;
  }
}
