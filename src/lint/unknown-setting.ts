import { changedPorts, PROXY_ADMIN_PORT } from '../access/ports.ts';
import { isSlip } from '../diagnoses/near-name.ts';
import type { Path } from '../manifests/document.ts';
import { parseDefaultPolicy } from '../policy/default-policy.ts';
import { groupOf, type Resource } from '../policy/resource.ts';
import { isObject } from '../policy/selector.ts';
import { buildSnapshot, resourcesOf, type Snapshot } from '../policy/snapshot.ts';
import { CHART_KEYS, OTHER_NAMES, REMOVED } from './chart-keys.ts';
import { type ChartValues, chartValuesIn } from './chart-values.ts';
import { accessOf, namePort } from './effect.ts';
import type { Draft, Edit } from './finding.ts';
import { type Fields, textAt, valueAt } from './objects.ts';
import type { LintRule } from './rule.ts';

/** Objects that tutorials invent. */
const NO_SUCH_OBJECT: ReadonlySet<string> = new Set(['linkerd-policy-controller', 'linkerd-policy', 'linkerd-policy-config']);

export const unknownSetting: LintRule = {
  code: 'unknown-setting',
  title: 'a setting that Linkerd does not have',
  *check({ resources, snapshot }) {
    for (const object of resources) if (isInvented(object)) yield invented(object, snapshot);
    for (const found of chartValuesIn(resources)) {
      yield* wrongValues(found, snapshot);
      yield* wrongKeys(found, snapshot);
    }
  },
};

function isInvented({ apiVersion, kind, metadata }: Resource): boolean {
  return `${groupOf(apiVersion)}/${kind}` === '/ConfigMap' && NO_SUCH_OBJECT.has(metadata.name);
}

function invented(object: Resource, snapshot: Snapshot): Draft {
  const policy = textAt(object, 'data', 'default-policy');
  return {
    severity: 'error',
    object,
    path: ['metadata', 'name'],
    problem: `Linkerd reads no ConfigMap ${object.metadata.name}. The policy controller is a container of Deployment linkerd-destination, and has its settings from its arguments.`,
    effect:
      `It changes nothing: the default inbound policy stays ${snapshot.info.defaultPolicy}${policy === null ? '' : `, whatever default-policy: ${policy} says`}. ${effectOfDefault(snapshot, policy)}`.trim(),
    right: `linkerd upgrade --set proxy.defaultInboundPolicy=${policy !== null && parseDefaultPolicy(policy) !== null ? policy : 'deny'} | kubectl apply -f - (or the same value by Helm)`,
    edits: [],
  };
}

/** Keys that there are, with values that cannot be. */
function* wrongValues({ object, chart, values, at, isLocated }: ChartValues, snapshot: Snapshot): Generator<Draft> {
  for (const { path, fault } of CHART_KEYS[chart]) {
    const value = valueAt(values, path);
    const found = value === undefined || value === null ? null : fault(value);
    if (found === null) continue;
    const own = isLocated ? [...at, ...path] : at;
    const isPolicy = path.at(-1) === 'defaultInboundPolicy';
    yield {
      severity: 'error',
      object,
      path: own,
      problem: `${path.join('.')}: ${found.problem}`,
      effect: `${found.effect} ${isPolicy ? effectOfDefault(snapshot, found.right) : ''}`.trim(),
      right: found.right,
      edits: isPolicy && isLocated && parseDefaultPolicy(found.right) !== null ? [{ set: own, value: found.right }] : [],
    };
  }
}

/** Keys that the chart does not have, where one of its own is meant. */
function* wrongKeys({ object, chart, values, at, isLocated }: ChartValues, snapshot: Snapshot): Generator<Draft> {
  for (const path of pathsIn(values)) {
    const right = meantBy(chart, path);
    if (right === null) continue;
    const value = valueAt(values, path);
    const own = isLocated ? [...at, ...path] : at;
    const isPolicy = right.path?.at(-1) === 'defaultInboundPolicy';
    const edits = isLocated && right.path !== null && valueAt(values, right.path) === undefined ? moved(at, path, right.path, value) : [];
    yield {
      severity: 'error',
      object,
      path: own,
      problem: `The chart ${chart} has no value ${path.join('.')}.`,
      effect:
        `Helm takes any key and uses none that it does not know: it changes nothing. ${isPolicy ? effectOfDefault(snapshot, value) : ''}`.trim(),
      right: right.path === null ? right.text : right.path.join('.'),
      edits,
    };
  }
}

function moved(at: Path, from: Path, to: Path, value: unknown): readonly Edit[] {
  return [{ set: [...at, ...to], value }, { remove: [...at, ...from] }];
}

/** Of the first two levels. */
function pathsIn(values: Fields): readonly Path[] {
  return Object.entries(values).flatMap(([key, value]) => [
    [key],
    ...(isObject(value) ? Object.keys(value).map((inner) => [key, inner]) : []),
  ]);
}

interface Meant {
  /** null: `text` says it. */
  readonly path: Path | null;
  readonly text: string;
}

/** null: the key is one of the chart's, or nothing that is about policy. */
function meantBy(chart: ChartValues['chart'], path: Path): Meant | null {
  const removed = REMOVED.find(([of, old]) => of === chart && old.join('.') === path.join('.'));
  if (removed !== undefined) return { path: null, text: removed[2] };
  const keys = CHART_KEYS[chart].map((key) => key.path);
  const name = String(path.at(-1));
  if (keys.some((key) => key.slice(0, path.length).join('.') === path.join('.'))) return null;
  const isBeside = (key: Path) => key.length === path.length && key.slice(0, -1).join('.') === path.slice(0, -1).join('.');
  const known = OTHER_NAMES.get(name) ?? name;
  // A name that is told apart by itself, at a place where the chart does not have it.
  const elsewhere = TELLING.has(known) && isOwnGround(path) ? keys.find((key) => key.at(-1) === known) : undefined;
  const slip = keys.find((key) => isBeside(key) && isSlip(String(key.at(-1)), name));
  const right = elsewhere ?? slip;
  if (right !== undefined) return { path: right, text: '' };
  const ofControlPlane = TELLING.has(known) && isOwnGround(path) ? CONTROL_PLANE.find((key) => key.path.at(-1) === known) : undefined;
  return chart === 'linkerd-control-plane' || ofControlPlane === undefined
    ? null
    : { path: null, text: `${ofControlPlane.path.join('.')} of the chart linkerd-control-plane` };
}

const CONTROL_PLANE = CHART_KEYS['linkerd-control-plane'];

/** Names that mean one thing only. */
const TELLING: ReadonlySet<string> = new Set([
  'defaultInboundPolicy',
  'requireIdentityOnInboundPorts',
  'probeNetworks',
  'clusterNetworks',
  'identityTrustDomain',
  'outboundTransportMode',
  'webhookFailurePolicy',
]);
/** Where people look for them. */
const GROUND: ReadonlySet<string> = new Set([
  'proxy',
  'policyController',
  'policyValidator',
  'identity',
  'global',
  'proxyInjector',
  'proxyInit',
]);

function isOwnGround([first, ...rest]: Path): boolean {
  return rest.length === 0 || GROUND.has(String(first));
}

/** What the first port without a Server would let in under the policy that was meant. */
function effectOfDefault(snapshot: Snapshot, meant: unknown): string {
  const policy = typeof meant === 'string' ? parseDefaultPolicy(meant) : null;
  if (policy === null || policy === snapshot.info.defaultPolicy) return '';
  const changes = changedPorts(snapshot, buildSnapshot(resourcesOf(snapshot), { ...snapshot.info, defaultPolicy: policy }));
  const first = changes.find(({ port }) => port !== PROXY_ADMIN_PORT);
  if (first === undefined || first.before === null || first.after === null) return '';
  const [workload] = first.workloads;
  return `${namePort(snapshot, first)} lets in ${accessOf(snapshot, workload, first.before)}; with ${policy}, ${accessOf(snapshot, workload, first.after)}.`;
}
