import { isSlip } from '../diagnoses/near-name.ts';
import type { Path } from '../manifests/document.ts';
import { DEFAULT_POLICIES, parseDefaultPolicy } from '../policy/default-policy.ts';
import { inboundServer } from '../policy/inbound-server.ts';
import { groupOf, type Resource } from '../policy/resource.ts';
import type { Snapshot } from '../policy/snapshot.ts';
import { ANNOTATION, readPortList, type Workload } from '../policy/workload.ts';
import { accessOf, effectOfEdits, namePort, nameWorkload, podsIn } from './effect.ts';
import type { Edit } from './finding.ts';
import { fieldsAt, or } from './objects.ts';
import type { LintRule } from './rule.ts';

const READ_BY_CONTROLLER: readonly string[] = [ANNOTATION.opaquePorts, ANNOTATION.requireIdentityPorts];
/** Read by proxy-init, which makes rules of iptables from them. */
const SKIPPED = ['skip-inbound-ports', 'skip-outbound-ports'].map((name) => `config.linkerd.io/${name}`);
const PROXY_PORTS: ReadonlySet<number> = new Set([4143, 4190, 4191]);
const INJECT = 'linkerd.io/inject';
const INJECT_VALUES = ['enabled', 'disabled', 'ingress'];
const LOG_LEVELS = 'config.linkerd.io/proxy-log-format';

/** Those that decide something here, for slips (linkerd2 `pkg/k8s/labels.go`). */
const NAMES: readonly string[] = [
  ...Object.values(ANNOTATION),
  ...SKIPPED,
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
  *check({ resources, snapshot }) {
    for (const object of resources) {
      for (const path of annotationPlaces(object)) {
        for (const [name, value] of Object.entries(fieldsAt(object, ...path))) {
          const fault = typeof value === 'string' ? faultOf({ snapshot, object, name, value, path: [...path, name] }) : null;
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

interface Written {
  readonly snapshot: Snapshot;
  readonly object: Resource;
  readonly name: string;
  readonly value: string;
  readonly path: Path;
}

function faultOf(written: Written): Fault | null {
  const { name, value } = written;
  if (name === ANNOTATION.defaultInboundPolicy && parseDefaultPolicy(value) === null) return noPolicy(written);
  if (READ_BY_CONTROLLER.includes(name) && readPortList(value) === null) return noPortList(written);
  if (SKIPPED.includes(name) && readPortList(value) === null) return noSkippedPorts(written);
  if (name === INJECT && !INJECT_VALUES.includes(value)) return noInjectValue(written);
  return noSuchName(written);
}

function noPolicy({ snapshot, object, value, path }: Written): Fault {
  const dashed = value.trim().toLowerCase().replaceAll('_', '-');
  const edits = parseDefaultPolicy(dashed) === null ? [] : [{ set: path, value: dashed }];
  const inForce = `Linkerd ignores it, and does not ask the Namespace either: ${snapshot.info.defaultPolicy}, the default of the cluster, is in force (the injector warns, once).`;
  return {
    problem: `${JSON.stringify(value)} is no default policy.`,
    effect:
      `${inForce} ${edits.length > 0 ? effectOfEdits(snapshot, object, edits, `with ${dashed}`) : portUnderDefault(snapshot, object, value)}`.trim(),
    right: edits.length > 0 ? dashed : or(DEFAULT_POLICIES),
    edits,
  };
}

/** What a port without a Server lets in for that reason. */
function portUnderDefault(snapshot: Snapshot, object: Resource, value: string): string {
  const pods = podsWith(snapshot, object, ANNOTATION.defaultInboundPolicy, value);
  for (const pod of pods.filter(({ meshed }) => meshed)) {
    const port = pod.ports.find((one) => !PROXY_PORTS.has(one) && inboundServer(snapshot, pod, one).server === null);
    if (port !== undefined)
      return `${namePort(snapshot, { port, workloads: [pod] })} lets in ${accessOf(snapshot, pod, inboundServer(snapshot, pod, port))}.`;
  }
  return '';
}

/** The policy controller reads numbers and ranges; the injector alone knows the names of ports. */
function noPortList({ snapshot, object, name, value, path }: Written): Fault {
  const pods = podsWith(snapshot, object, name, value);
  const items = value.split(',').map((item) => ({ item: item.trim(), ports: portsOfItem(item, pods) }));
  const listed = items.flatMap(({ ports }) => ports).join(',');
  const isWhole = items.every(({ ports }) => ports.length > 0);
  const edits = listed === '' ? [] : [{ set: path, value: listed }];
  const bad = items.filter(({ item }) => readPortList(item) === null).map(({ item }) => JSON.stringify(item));
  return {
    problem: `${bad.join(', ')} ${bad.length === 1 ? 'is no number of a port' : 'are no numbers of ports'}.`,
    effect:
      `One bad item spoils the list: the policy controller ignores all of it. ${edits.length === 0 ? '' : effectOfEdits(snapshot, object, edits, `with ${listed}`)}`.trim(),
    right: listed === '' ? '8080,9090 or 8000-8010' : listed,
    edits: isWhole ? edits : [],
  };
}

function portsOfItem(item: string, pods: readonly Workload[]): readonly string[] {
  if (readPortList(item) !== null) return [item.trim()];
  return [...new Set(pods.flatMap(({ portNames }) => portNames.get(item.trim()) ?? []))].map(String);
}

function noSkippedPorts({ value }: Written): Fault {
  const items = value.split(',').map((item) => item.trim());
  const read = items.filter((item) => readPortList(item) !== null);
  return {
    problem: `${JSON.stringify(value)} is no list of ports.`,
    effect: `What cannot be read is passed over: ${read.length === 0 ? 'no port is skipped' : `skipped ${read.length === 1 ? 'is' : 'are'} ${read.join(', ')} alone`}, and the rest goes through the proxy, under its policies.`,
    right: '8080,9090 or 8000-8010',
    edits: [],
  };
}

function noInjectValue({ snapshot, object, value, path }: Written): Fault {
  const edits = value === 'true' || value.toLowerCase() === 'enabled' ? [{ set: path, value: 'enabled' }] : [];
  return {
    problem: `${JSON.stringify(value)} is no value of ${INJECT}.`,
    effect:
      `The injector leaves the pods without a proxy: they have no mesh identity, and nothing is enforced on their ports. ${edits.length === 0 ? '' : effectOfEdits(snapshot, object, edits, 'with enabled')}`.trim(),
    right: or(INJECT_VALUES),
    edits,
  };
}

function noSuchName({ snapshot, object, name, value, path }: Written): Fault | null {
  const near = /linkerd\.io\//.test(name) && !NAMES.includes(name) ? NAMES.filter((known) => isSlip(known, name)) : [];
  const [only] = near;
  if (only === undefined) return null;
  const edits = near.length === 1 ? [{ set: [...path.slice(0, -1), only], value }, { remove: path }] : [];
  return {
    problem: `${name} is no annotation of Linkerd's.`,
    effect: `It does nothing. ${edits.length === 0 ? '' : effectOfEdits(snapshot, object, edits, 'under its right name')}`.trim(),
    right: only,
    edits,
  };
}

/** Pods that have the annotation from this object. */
function podsWith(snapshot: Snapshot, object: Resource, name: string, value: string): readonly Workload[] {
  const namespace = object.kind === 'Namespace' ? object.metadata.name : object.metadata.namespace;
  return podsIn(snapshot, namespace).filter(
    (pod) =>
      pod.resource.metadata.annotations?.[name] === value &&
      (object.kind === 'Namespace' || nameWorkload(snapshot, pod).endsWith(`/${object.metadata.name}`)),
  );
}
