/** The values of Linkerd's charts that decide on policy, and what is written in their place (linkerd2 `charts/*` and `viz/charts/*`, `values.yaml`). */
import type { Path } from '../manifests/document.ts';
import type { Chart } from '../manifests/helm-values.ts';
import { DEFAULT_POLICIES, parseDefaultPolicy } from '../policy/default-policy.ts';
import { parseNetwork } from '../policy/network.ts';
import { readPortList } from '../policy/workload.ts';
import { or } from './objects.ts';

export interface ChartKey {
  readonly path: Path;
  /** What the value must be; null: it is. */
  readonly fault: (value: unknown) => KeyFault | null;
}

export interface KeyFault {
  readonly problem: string;
  readonly effect: string;
  readonly right: string;
}

const NOT_STARTED = 'The policy controller does not start with it.';

export const CHART_KEYS: Readonly<Record<Chart, readonly ChartKey[]>> = {
  'linkerd-control-plane': [
    { path: ['proxy', 'defaultInboundPolicy'], fault: defaultPolicy },
    { path: ['proxy', 'requireIdentityOnInboundPorts'], fault: ports },
    { path: ['proxy', 'opaquePorts'], fault: ports },
    {
      path: ['proxy', 'outboundTransportMode'],
      fault: oneOf(['transport-header', 'transparent'], 'The destination controller does not start with it.'),
    },
    { path: ['proxyInit', 'ignoreInboundPorts'], fault: ports },
    { path: ['proxyInit', 'ignoreOutboundPorts'], fault: ports },
    { path: ['proxyInit', 'skipSubnets'], fault: networksAsText },
    { path: ['clusterNetworks'], fault: networksAsText },
    { path: ['identityTrustDomain'], fault: text },
    { path: ['clusterDomain'], fault: text },
    { path: ['policyController', 'probeNetworks'], fault: networks },
    { path: ['policyController', 'logLevel'], fault: text },
    { path: ['webhookFailurePolicy'], fault: oneOf(['Ignore', 'Fail'], 'The API server refuses the webhooks.') },
    { path: ['podMonitor', 'enabled'], fault: truth },
    { path: ['podMonitor', 'proxy', 'enabled'], fault: truth },
  ],
  'linkerd-viz': [
    { path: ['linkerdNamespace'], fault: text },
    { path: ['identityTrustDomain'], fault: text },
    { path: ['clusterDomain'], fault: text },
    { path: ['prometheusUrl'], fault: text },
    { path: ['prometheus', 'enabled'], fault: truth },
  ],
  'linkerd-crds': ['installGatewayAPI', 'enableHttpRoutes', 'enableTlsRoutes', 'enableTcpRoutes'].map((name) => ({
    path: [name],
    fault: truth,
  })),
};

/** Names that were once, or that people take for one. */
export const OTHER_NAMES: ReadonlyMap<string, string> = new Map([
  ['defaultAllowPolicy', 'defaultInboundPolicy'],
  ['defaultPolicy', 'defaultInboundPolicy'],
  ['inboundPolicy', 'defaultInboundPolicy'],
  ['requireIdentityInboundPorts', 'requireIdentityOnInboundPorts'],
  ['trustDomain', 'identityTrustDomain'],
]);

/** Keys that the chart once had, and what does it now. */
export const REMOVED: readonly (readonly [chart: Chart, path: Path, right: string])[] = [
  ['linkerd-control-plane', ['policyController', 'image'], 'controllerImage, which all controllers share'],
];

function defaultPolicy(value: unknown): KeyFault | null {
  if (value === '' || (typeof value === 'string' && parseDefaultPolicy(value) !== null)) return null;
  const dashed = typeof value === 'string' ? value.trim().toLowerCase().replaceAll('_', '-') : '';
  return {
    problem: `${JSON.stringify(value)} is no default policy.`,
    effect: NOT_STARTED,
    right: parseDefaultPolicy(dashed) === null ? or(DEFAULT_POLICIES) : dashed,
  };
}

function ports(value: unknown): KeyFault | null {
  const isList = typeof value === 'number' || (typeof value === 'string' && readPortList(value) !== null);
  if (isList) return null;
  return {
    problem: `${JSON.stringify(value)} is no list of ports as a text.`,
    effect: 'One bad item spoils the list: none of these ports counts.',
    right: Array.isArray(value) ? JSON.stringify(value.join(',')) : '"8080,9000-9010"',
  };
}

function networksAsText(value: unknown): KeyFault | null {
  const items = typeof value === 'string' ? value.split(',').map((item) => item.trim()) : null;
  if (items?.every((item) => item === '' || parseNetwork(item) !== null) === true) return null;
  const isOfNetworks = Array.isArray(value) && value.every((item) => typeof item === 'string');
  return {
    problem: isOfNetworks
      ? 'The chart takes a text with commas here, not a list.'
      : `${JSON.stringify(value)} is no list of networks as a text.`,
    effect: NOT_STARTED,
    right: isOfNetworks ? JSON.stringify(value.join(',')) : '"10.0.0.0/8,192.168.0.0/16"',
  };
}

function networks(value: unknown): KeyFault | null {
  const items: readonly unknown[] = Array.isArray(value) ? value : typeof value === 'string' ? value.split(',') : [value];
  if (items.length === 0)
    return {
      problem: 'It is an empty list.',
      effect:
        'There is no route for probes: under deny, and on each Server, the kubelet’s HTTP probes are refused, and pods become unready.',
      right: '[0.0.0.0/0, "::/0"], or the networks of the nodes',
    };
  if (items.every((item) => typeof item === 'string' && parseNetwork(item.trim()) !== null)) return null;
  return { problem: `${JSON.stringify(value)} is no list of networks.`, effect: NOT_STARTED, right: '[10.0.0.0/8]' };
}

function text(value: unknown): KeyFault | null {
  return typeof value === 'string'
    ? null
    : { problem: `${JSON.stringify(value)} is no text.`, effect: 'The chart writes it as it is into arguments.', right: 'A text' };
}

function truth(value: unknown): KeyFault | null {
  if (typeof value === 'boolean') return null;
  return {
    problem: `${JSON.stringify(value)} is neither true nor false.`,
    effect: `To Helm it is ${value === '' || value === 0 ? 'false' : 'true'}, ${typeof value === 'string' ? 'as any other text that is not empty' : 'whatever is meant'}.`,
    right: `${value === 'false' || value === 'no' || value === 'off' ? 'false' : 'true'}, without quotes`,
  };
}

function oneOf(allowed: readonly string[], effect: string): (value: unknown) => KeyFault | null {
  return (value) =>
    value === '' || (typeof value === 'string' && allowed.includes(value))
      ? null
      : { problem: `${JSON.stringify(value)} is none of ${or(allowed)}.`, effect, right: or(allowed) };
}
