/** Whether Linkerd is there as denywhy knows it: control plane, kinds, settings, objects that are in force, and the proxies' versions. */

import { plainName } from '../evidence/plain-name.ts';
import type { ClusterSettings } from '../policy/cluster-settings.ts';
import { listOf } from '../policy/reading.ts';
import { type Resource, refOf, showRef } from '../policy/resource.ts';
import { isObject } from '../policy/selector.ts';
import { resourcesOf, resourcesOfKind, type Snapshot } from '../policy/snapshot.ts';
import { isStandIn } from '../policy/templates.ts';
import { hasEnded, type Workload } from '../policy/workload.ts';
import { type CheckLine, count, line, some } from './check-line.ts';
import { showVersion, skewOf } from './proxy-skew.ts';

/** A kind of the API, and whether the server has it. */
export interface ServedKind {
  /** `servers.policy.linkerd.io`. */
  readonly name: string;
  readonly isOptional: boolean;
  /** null: it is not served. */
  readonly version: string | null;
}

export interface LinkerdFacts {
  readonly snapshot: Snapshot;
  readonly settings: ClusterSettings;
  /** null: no API server was asked. */
  readonly served: readonly ServedKind[] | null;
  /** False: something of the cluster may be missing among the objects, so that absence tells nothing. */
  readonly isWhole: boolean;
}

export function checkLinkerd(facts: LinkerdFacts): readonly CheckLine[] {
  const version = controlPlaneVersion(facts);
  return [
    controlPlane(facts, version),
    settingsLine(facts),
    crds(facts),
    objectsInForce(facts.snapshot),
    proxies(proxyPods(facts.snapshot), version, facts),
  ];
}

/** Pods that have a proxy now. */
export function proxyPods(snapshot: Snapshot): readonly Workload[] {
  return [...snapshot.namespaces.values()].flatMap(({ workloads }) =>
    [...workloads.values()].flatMap(({ value }) =>
      value?.kind === 'Pod' && value.meshed && !isStandIn(value.resource) && !hasEnded(value.resource.status) ? [value] : [],
    ),
  );
}

const DUMP_CONTROL_PLANE = 'kubectl get -n linkerd deploy/linkerd-destination configmap/linkerd-config -o yaml > linkerd.yaml';

function controlPlane({ settings, isWhole }: LinkerdFacts, version: string | null): CheckLine {
  const namespace = settings.info.controlPlaneNamespace;
  if (version !== null) return line('linkerd', 'control-plane', 'ok', `control plane ${version} in namespace ${namespace}`);
  if (!isWhole)
    return line(
      'linkerd',
      'control-plane',
      'unknown',
      'control plane: neither its Deployment nor its ConfigMap is among the objects',
      DUMP_CONTROL_PLANE,
    );
  return line(
    'linkerd',
    'control-plane',
    'failed',
    `no control plane: neither Deployment linkerd-destination nor ConfigMap linkerd-config was found`,
    'linkerd check',
    'Is it in a namespace that may not be read? See rights below.',
  );
}

/** Of the destination controller's image; else as the ConfigMap says. */
function controlPlaneVersion({ snapshot, settings }: LinkerdFacts): string | null {
  const namespace = settings.info.controlPlaneNamespace;
  const deployment = resourcesOfKind(snapshot, 'apps', 'Deployment', namespace).get('linkerd-destination');
  const pods = [...(snapshot.namespaces.get(namespace)?.workloads.values() ?? [])].map(({ resource }) => resource);
  const pod = pods.find(({ metadata }) => metadata.labels?.['linkerd.io/control-plane-component'] === 'destination');
  const spec = isObject(deployment?.spec) && isObject(deployment.spec['template']) ? deployment.spec['template']['spec'] : pod?.spec;
  const containers = isObject(spec) ? listOf(spec['containers']).filter(isObject) : [];
  const tag = tagOf(containers.find(({ name }) => name === 'destination')?.['image']);
  if (tag !== null) return tag;
  const data = resourcesOfKind(snapshot, '', 'ConfigMap', namespace).get('linkerd-config')?.data;
  const values = isObject(data) ? data['values'] : null;
  return typeof values === 'string' ? (/^linkerdVersion: *"?([\w.-]{1,64})"?/m.exec(values)?.[1] ?? null) : null;
}

function tagOf(image: unknown): string | null {
  return typeof image === 'string' ? (/:([\w.-]{1,128})(?:@.*)?$/.exec(image)?.[1] ?? null) : null;
}

const ORIGIN = {
  'policy-container-args': 'arguments of the policy controller',
  'linkerd-config': 'ConfigMap linkerd-config',
  flag: 'the command line',
} as const;

function settingsLine({ settings }: LinkerdFacts): CheckLine {
  const { info, origins, notices } = settings;
  const text = `default inbound policy ${info.defaultPolicy}, trust domain ${info.identityTrustDomain}`;
  const [fault] = notices;
  if (fault !== undefined)
    return line('linkerd', 'settings', 'failed', `settings: ${fault}`, 'Repair it: what denywhy says follows from these.');
  const from = origins.defaultPolicy;
  if (from === 'linkerd-default')
    return line(
      'linkerd',
      'settings',
      'unknown',
      `settings: Linkerd’s own are assumed (${text})`,
      DUMP_CONTROL_PLANE,
      'or name them: --default-inbound-policy, --trust-domain, …',
    );
  return line('linkerd', 'settings', 'ok', `${text} (${ORIGIN[from]})`);
}

function crds({ served }: LinkerdFacts): CheckLine {
  if (served === null)
    return line(
      'linkerd',
      'crds',
      'unknown',
      'CustomResourceDefinitions: no API server was asked',
      'denywhy check without --cluster asks it.',
    );
  const missing = served.filter(({ version, isOptional }) => version === null && !isOptional).map(({ name }) => name);
  if (missing.length > 0)
    return line(
      'linkerd',
      'crds',
      'failed',
      `the API server does not serve ${some(missing)}`,
      'linkerd install --crds | kubectl apply -f -',
    );
  const linkerds = served.filter(({ name, version }) => version !== null && name.endsWith('.linkerd.io'));
  const server = served.find(({ name }) => name === 'servers.policy.linkerd.io')?.version ?? '';
  const gateway = served.some(({ name, version }) => version !== null && name.endsWith('.gateway.networking.k8s.io'));
  return line(
    'linkerd',
    'crds',
    'ok',
    `${linkerds.length} kinds of Linkerd are served (Server ${server}), Gateway API ${gateway ? 'too' : 'not'}`,
  );
}

const POLICY_GROUPS = /^(?:policy\.linkerd\.io|gateway\.networking\.k8s\.io)\//;

/** The controller ignores what it cannot read, or keeps the version before; nobody is told. */
function objectsInForce(snapshot: Snapshot): CheckLine {
  const objects: Resource[] = [...resourcesOf(snapshot)].filter(({ apiVersion }) => POLICY_GROUPS.test(apiVersion));
  const unreadable = [...snapshot.namespaces.values()].flatMap(({ others: _, ...collections }) =>
    Object.values(collections).flatMap((entries) =>
      [...entries.values()].flatMap(({ resource, error }) => (error === null ? [] : [{ name: showRef(refOf(resource)), error }])),
    ),
  );
  const [first] = unreadable;
  if (first === undefined)
    return line('linkerd', 'policy-objects', 'ok', `${count(objects.length, 'policy object')}, all of them readable`);
  return line(
    'linkerd',
    'policy-objects',
    'failed',
    `${count(unreadable.length, 'object')} of ${objects.length} cannot be read by the policy controller: ${some(unreadable.map(({ name }) => name))}`,
    `${first.name}: ${first.error}`,
    'Repair them; denywhy policy --compare shows what is in force instead.',
  );
}

const PROXY_VERSION = 'linkerd.io/proxy-version';

/** As the injector wrote it; else the tag of the image. */
function versionOf({ resource }: Workload): string | null {
  const written = resource.metadata.annotations?.[PROXY_VERSION];
  if (written !== undefined && written !== '') return written;
  const spec = isObject(resource.spec) ? resource.spec : {};
  const containers = [...listOf(spec['initContainers']), ...listOf(spec['containers'])].filter(isObject);
  return tagOf(containers.find(({ name }) => name === 'linkerd-proxy')?.['image']);
}

/** Before 2.12 a denial names neither route nor group, and behind a control plane since 2.18 meshed HTTP fails altogether. */
const TOO_OLD = /^(?:stable-|enterprise-|v)?2\.(?:[0-9]|1[01])(?:\.|$)|^edge-(?:1\d|20|21)\./;

function proxies(pods: readonly Workload[], controlPlane: string | null, { isWhole }: LinkerdFacts): CheckLine {
  if (pods.length === 0) {
    const text = 'proxies: no pod with a proxy was found';
    return isWhole
      ? line('linkerd', 'proxies', 'failed', text, 'Where nothing is meshed nothing is denied: linkerd inject')
      : line('linkerd', 'proxies', 'unknown', text, 'Add the pods: kubectl get pods -A -o yaml');
  }
  const versions = Map.groupBy(pods, (pod) => versionOf(pod) ?? 'of unknown version');
  const old = pods.filter((pod) => TOO_OLD.test(versionOf(pod) ?? ''));
  const [first] = old;
  if (first !== undefined)
    return line(
      'linkerd',
      'proxies',
      'failed',
      `${old.length} of ${count(pods.length, 'proxy', 'proxies')} are older than 2.12: their denials name no route and no server group`,
      ...restarts(old),
    );
  const shown = some([...versions].map(([version, of]) => `${of.length} ${showVersion(version)}`));
  const text = `${count(pods.length, 'proxy', 'proxies')}: ${shown}`;
  if (controlPlane === null) return line('linkerd', 'proxies', 'unknown', `${text}; the control plane’s version is not known`);
  return skewLine(pods, controlPlane, { text, shown });
}

/** The control plane is upgraded first, and its proxies may be one version (2.x) older. */
function skewLine(pods: readonly Workload[], controlPlane: string, { text, shown }: { text: string; shown: string }): CheckLine {
  const of = Map.groupBy(pods, (pod) => skewOf(versionOf(pod) ?? '', controlPlane));
  const [apart = [], ahead = [], unknown = [], covered = []] = [of.get('apart'), of.get('ahead'), of.get('unknown'), of.get('covered')];
  const its = `the control plane’s ${showVersion(controlPlane)}`;
  const all = count(pods.length, 'proxy', 'proxies');
  if (apart.length > 0)
    return line(
      'linkerd',
      'proxies',
      'failed',
      `${apart.length} of ${all} are more than one version older than ${its}: ${shown}`,
      ...restarts(apart),
    );
  if (ahead.length > 0)
    return line(
      'linkerd',
      'proxies',
      'failed',
      `${ahead.length} of ${all} are newer than ${its}: ${shown}`,
      'The control plane is upgraded first: linkerd upgrade; after a rollback restart them:',
      ...restarts(ahead),
    );
  if (unknown.length > 0)
    return line(
      'linkerd',
      'proxies',
      'unknown',
      `${unknown.length} of ${all}: how far their version is from ${its} is not known: ${shown}`,
      'linkerd check --proxy',
    );
  return covered.length === 0
    ? line('linkerd', 'proxies', 'ok', `${text}, like the control plane`)
    : line('linkerd', 'proxies', 'ok', `${text}; the control plane is ${showVersion(controlPlane)}, and one version between them is fine`);
}

/** The injector names the owner on the pod. */
const OWNERS = [
  ['linkerd.io/proxy-deployment', 'deploy'],
  ['linkerd.io/proxy-statefulset', 'sts'],
  ['linkerd.io/proxy-daemonset', 'ds'],
] as const;

function restarts(pods: readonly Workload[]): readonly string[] {
  const commands = new Set(
    pods.map(({ ref, labels }) => {
      const owner = OWNERS.find(([label]) => Object.hasOwn(labels, label));
      const name = owner === undefined ? `po/${ref.name}` : `${owner[1]}/${plainName(labels[owner[0]], 'NAME')}`;
      return owner === undefined
        ? `make pod ${ref.namespace}/${ref.name} anew`
        : `kubectl rollout restart -n ${plainName(ref.namespace, 'NAMESPACE')} ${name}`;
    }),
  );
  return commands.size > 4 ? [...[...commands].slice(0, 4), `and ${commands.size - 4} more workloads`] : [...commands];
}
