import { isSlip } from '../diagnoses/near-name.ts';
import type { Path } from '../manifests/document.ts';
import { DEFAULT_POLICIES, parseDefaultPolicy } from '../policy/default-policy.ts';
import { groupOf, type Resource } from '../policy/resource.ts';
import { ANNOTATION, readPortList } from '../policy/workload.ts';
import type { Edit } from './finding.ts';
import { fieldsAt, or } from './objects.ts';
import type { LintRule } from './rule.ts';

const PORT_LISTS = ['opaque-ports', 'proxy-require-identity-inbound-ports', 'skip-inbound-ports', 'skip-outbound-ports'].map(
  (name) => `config.linkerd.io/${name}`,
);
const INJECT = 'linkerd.io/inject';
const INJECT_VALUES = ['enabled', 'disabled', 'ingress'];
const LOG_LEVELS = 'config.linkerd.io/proxy-log-format';

/** Those that decide something here, for slips (linkerd2 `pkg/k8s/labels.go`). */
const NAMES: readonly string[] = [
  ...Object.values(ANNOTATION),
  ...PORT_LISTS,
  INJECT,
  LOG_LEVELS,
  ...[
    'proxy-log-level',
    'skip-subnets',
    'access-log',
    'close-wait-timeout',
    'proxy-access-log',
    'shutdown-grace-period',
    'debug',
    'proxy-version',
  ].map((name) => `config.linkerd.io/${name}`),
];

export const invalidAnnotation: LintRule = {
  code: 'invalid-annotation',
  title: 'an annotation of Linkerd with a value or a name that it does not know',
  *check({ resources }) {
    for (const object of resources) {
      for (const path of annotationPlaces(object)) {
        for (const [name, value] of Object.entries(fieldsAt(object, ...path))) {
          const fault = typeof value === 'string' ? faultOf(name, value, [...path, name]) : null;
          if (fault !== null) yield { severity: 'error', object, path: [...path, name], ...fault };
        }
      }
    }
  },
};

function annotationPlaces(object: Resource): readonly Path[] {
  const groupKind = `${groupOf(object.apiVersion)}/${object.kind}`;
  if (groupKind === '/Namespace' || groupKind === '/Pod') return [['metadata', 'annotations']];
  return [
    ['spec', 'template', 'metadata', 'annotations'],
    ['spec', 'jobTemplate', 'spec', 'template', 'metadata', 'annotations'],
  ].filter((path) => Object.keys(fieldsAt(object, ...path)).length > 0);
}

interface Fault {
  readonly problem: string;
  readonly effect: string;
  readonly right: string;
  readonly edits: readonly Edit[];
}

function faultOf(name: string, value: string, path: Path): Fault | null {
  if (name === ANNOTATION.defaultInboundPolicy && parseDefaultPolicy(value) === null) {
    const dashed = value.trim().toLowerCase().replaceAll('_', '-');
    const isDashed = parseDefaultPolicy(dashed) !== null;
    return {
      problem: `${JSON.stringify(value)} is no default policy.`,
      effect: 'Linkerd ignores it: the default of the Namespace is not asked either, the cluster’s holds (the injector warns, once).',
      right: isDashed ? dashed : or(DEFAULT_POLICIES),
      edits: isDashed ? [{ set: path, value: dashed }] : [],
    };
  }
  if (PORT_LISTS.includes(name) && !isPortList(name, value))
    return {
      problem: `${JSON.stringify(value)} is no list of ports.`,
      effect: 'One bad item spoils the list: Linkerd ignores all of it.',
      right: '8080,9090 or 8000-8010',
      edits: [],
    };
  if (name === INJECT && !INJECT_VALUES.includes(value)) {
    const isTrue = value === 'true' || value.toLowerCase() === 'enabled';
    return {
      problem: `${JSON.stringify(value)} is no value of ${INJECT}.`,
      effect: 'The injector leaves the pods without a proxy: they have no mesh identity, and nothing is enforced on their ports.',
      right: or(INJECT_VALUES),
      edits: isTrue ? [{ set: path, value: 'enabled' }] : [],
    };
  }
  const near = /linkerd\.io\//.test(name) && !NAMES.includes(name) ? NAMES.filter((known) => isSlip(known, name)) : [];
  const [only] = near;
  if (only === undefined) return null;
  return {
    problem: `${name} is no annotation of Linkerd's.`,
    effect: 'It does nothing.',
    right: only,
    edits: near.length === 1 ? [{ set: [...path.slice(0, -1), only], value }, { remove: path }] : [],
  };
}

/** Names of ports are allowed where Linkerd's injector resolves them. */
function isPortList(name: string, value: string): boolean {
  if (readPortList(value) !== null) return true;
  const mayBeNamed = name === ANNOTATION.opaquePorts || name === ANNOTATION.requireIdentityPorts;
  return (
    mayBeNamed &&
    value
      .split(',')
      .every((item) => readPortList(item) !== null || (/^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/.test(item.trim()) && /[a-z]/.test(item)))
  );
}
