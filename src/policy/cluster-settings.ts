/**
 * Where a cluster's settings are known from, in this order: the arguments of container `policy` (linkerd2 `policy-controller/runtime/src/args.rs`),
 * ConfigMap `linkerd-config` (the Helm values), flags, Linkerd's defaults.
 */
import { parse } from 'yaml';
import { parseDefaultPolicy } from './default-policy.ts';
import { type Network, parseNetwork } from './network.ts';
import { listOf } from './reading.ts';
import { groupOf, type ObjectRef, type Resource } from './resource.ts';
import { isObject } from './selector.ts';
import { type ClusterInfo, LINKERD_DEFAULTS, type SettingOrigin } from './settings.ts';
import { type TransportMode, transportModeOf } from './wire-port.ts';
import { readPortList } from './workload.ts';

/** Settings as text, lists separated by commas: the form of flags and container arguments. */
export type SettingTexts = { readonly [K in keyof ClusterInfo]?: string };

const KEYS = Object.keys(LINKERD_DEFAULTS) as (keyof ClusterInfo)[];

const READ: { readonly [K in keyof ClusterInfo]: (text: string) => ClusterInfo[K] | null } = {
  defaultPolicy: parseDefaultPolicy,
  clusterNetworks: networks,
  probeNetworks: networks,
  identityTrustDomain: domain,
  clusterDomain: domain,
  controlPlaneNamespace: (text) => (/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/.test(text) ? text : null),
  opaquePorts: (text) => (readPortList(text) === null ? null : text),
};

/** The controller's own default where an argument is absent; null: older releases had no such argument, so absence says nothing. */
const ARGUMENTS: { readonly [K in keyof ClusterInfo]: { readonly name: string; readonly absent: string | null } } = {
  defaultPolicy: { name: '--default-policy', absent: 'all-unauthenticated' },
  clusterNetworks: { name: '--cluster-networks', absent: '10.0.0.0/8,100.64.0.0/10,172.16.0.0/12,192.168.0.0/16' },
  probeNetworks: { name: '--probe-networks', absent: '' },
  identityTrustDomain: { name: '--identity-domain', absent: 'cluster.local' },
  clusterDomain: { name: '--cluster-domain', absent: null },
  controlPlaneNamespace: { name: '--control-plane-namespace', absent: 'linkerd' },
  opaquePorts: { name: '--default-opaque-ports', absent: null },
};

export interface ClusterSettings {
  readonly info: ClusterInfo;
  readonly origins: Readonly<Record<keyof ClusterInfo, SettingOrigin>>;
  /** How meshed clients reach this cluster's pods; `linkerd-default` is the mode of releases since 2.18. */
  readonly transport: { readonly mode: TransportMode; readonly origin: 'linkerd-config' | 'linkerd-default' };
  /** What was ignored, for people. */
  readonly notices: readonly string[];
}

interface Source {
  readonly origin: SettingOrigin;
  readonly name: string;
  readonly texts: SettingTexts;
}

/** Every setting from the first source that has a usable value. Unusable values, and flags that the cluster overrules, are noticed. */
export function clusterInfo(input: { readonly resources: Iterable<Resource>; readonly flags: SettingTexts }): ClusterSettings {
  const notices: string[] = [];
  const found = controlPlaneObjects(input.resources);
  const config = found.configMaps.slice(0, 1).map((map) => ({ map, values: helmValues(map, notices) }));
  const sources: Source[] = [
    ...found.policyContainers
      .slice(0, 1)
      .map((c) => ({ origin: 'policy-container-args' as const, name: c.name, texts: argumentTexts(c.args) })),
    ...config.map((c) => ({ origin: 'linkerd-config' as const, name: nameOf(c.map), texts: configTexts(c.map, c.values) })),
    { origin: 'flag', name: 'flag', texts: input.flags },
  ];
  for (const other of found.configMaps.slice(1))
    notices.push(`${nameOf(other)} is ignored: ${nameOf(found.configMaps[0] as Resource)} is used`);
  for (const other of found.policyContainers.slice(1)) {
    const used = found.policyContainers[0]?.name;
    if (other.args.join('\n') !== found.policyContainers[0]?.args.join('\n')) notices.push(`${other.name} is ignored: ${used} is used`);
  }
  const picked = KEYS.map((key) => [key, pick(key, sources, notices)] as const);
  return {
    info: Object.fromEntries(picked.map(([key, p]) => [key, p.value])) as unknown as ClusterInfo,
    origins: Object.fromEntries(picked.map(([key, p]) => [key, p.origin])) as ClusterSettings['origins'],
    transport: transportOf(config[0]?.values ?? {}),
    notices,
  };
}

/** Whether this object tells settings: a change of it may change them, for every workload. */
export function tellsSettings({ group, kind, name }: ObjectRef): boolean {
  return (
    (group === '' && kind === 'ConfigMap' && name === 'linkerd-config') ||
    (group === 'apps' && kind === 'Deployment' && name === 'linkerd-destination')
  );
}

/** Settings as these objects tell them; where they say nothing of one, as it was known. */
export function settingsTold(resources: Iterable<Resource>, known: ClusterInfo): ClusterInfo {
  const { info, origins } = clusterInfo({ resources, flags: {} });
  return Object.fromEntries(
    KEYS.map((key) => [key, origins[key] === 'linkerd-default' ? known[key] : info[key]]),
  ) as unknown as ClusterInfo;
}

function pick<K extends keyof ClusterInfo>(
  key: K,
  sources: readonly Source[],
  notices: string[],
): { value: ClusterInfo[K]; origin: SettingOrigin } {
  let chosen: { value: ClusterInfo[K]; origin: SettingOrigin; name: string; text: string } | null = null;
  for (const { origin, name, texts } of sources) {
    const text = texts[key];
    if (text === undefined) continue;
    const value = READ[key](text);
    if (value === null) notices.push(`${name}: ${key} ${JSON.stringify(text)} is not valid and is ignored`);
    else if (chosen === null) chosen = { value, origin, name, text };
    else if (origin === 'flag' && text !== chosen.text)
      notices.push(`flag ${key} ${JSON.stringify(text)} is ignored: ${chosen.name} says ${JSON.stringify(chosen.text)}`);
  }
  return chosen ?? { value: LINKERD_DEFAULTS[key], origin: 'linkerd-default' };
}

interface PolicyContainer {
  readonly name: string;
  readonly args: readonly string[];
}

/** The objects that tell settings, the Deployment before its pods, then by name: the order of the input does not matter. */
function controlPlaneObjects(resources: Iterable<Resource>): {
  configMaps: readonly Resource[];
  policyContainers: readonly PolicyContainer[];
} {
  const configMaps: Resource[] = [];
  const deployments: Resource[] = [];
  const pods: Resource[] = [];
  for (const r of resources) {
    if (r.kind === 'ConfigMap' && r.metadata.name === 'linkerd-config' && r.apiVersion === 'v1') configMaps.push(r);
    else if (r.kind === 'Deployment' && r.metadata.name === 'linkerd-destination' && groupOf(r.apiVersion) === 'apps') deployments.push(r);
    else if (r.kind === 'Pod' && r.metadata.labels?.['linkerd.io/control-plane-component'] === 'destination') pods.push(r);
  }
  const specs = [
    ...deployments.sort(byName).map((r) => ({ r, spec: templateSpec(r.spec) })),
    ...pods.sort(byName).map((r) => ({ r, spec: r.spec })),
  ];
  return { configMaps: configMaps.sort(byName), policyContainers: specs.flatMap(({ r, spec }) => policyContainer(r, spec)) };
}

function templateSpec(spec: unknown): unknown {
  const template = isObject(spec) ? spec['template'] : null;
  return isObject(template) ? template['spec'] : null;
}

function policyContainer(resource: Resource, spec: unknown): PolicyContainer[] {
  const containers = isObject(spec) ? listOf(spec['containers']).filter(isObject) : [];
  const args = containers.find((c) => c['name'] === 'policy')?.['args'];
  if (!Array.isArray(args)) return [];
  return [{ name: `container policy of ${nameOf(resource)}`, args: args.filter((a) => typeof a === 'string') }];
}

function byName(a: Resource, b: Resource): number {
  const [left, right] = [`${a.metadata.namespace}/${a.metadata.name}`, `${b.metadata.namespace}/${b.metadata.name}`];
  return left < right ? -1 : left > right ? 1 : 0;
}

function nameOf(r: Resource): string {
  return `${r.kind} ${r.metadata.namespace}/${r.metadata.name}`;
}

/** `--name=value` and `--name value`. */
function argumentTexts(args: readonly string[]): SettingTexts {
  const given = new Map<string, string>();
  for (const [i, arg] of args.entries()) {
    const equals = arg.indexOf('=');
    if (!arg.startsWith('--')) continue;
    if (equals > 0) given.set(arg.slice(0, equals), arg.slice(equals + 1));
    else if (args[i + 1] !== undefined && !args[i + 1]?.startsWith('--')) given.set(arg, args[i + 1] as string);
  }
  return texts((key) => given.get(ARGUMENTS[key].name) ?? ARGUMENTS[key].absent);
}

type Values = Readonly<Record<string, unknown>>;

function helmValues(configMap: Resource, notices: string[]): Values {
  const text = isObject(configMap.data) ? configMap.data['values'] : null;
  if (typeof text !== 'string') return {};
  try {
    const values: unknown = parse(text, { logLevel: 'error' });
    return isObject(values) ? values : {};
  } catch (error) {
    const why = (error instanceof Error ? error.message : String(error)).split('\n', 1)[0];
    notices.push(`${nameOf(configMap)}: key values is no YAML and is ignored: ${why}`);
    return {};
  }
}

function configTexts(configMap: Resource, values: Values): SettingTexts {
  return helmTexts({ ...sections(values), controlPlaneNamespace: configMap.metadata.namespace });
}

function transportOf(values: Values): ClusterSettings['transport'] {
  const proxy = isObject(values['proxy']) ? values['proxy'] : {};
  const mode = transportModeOf(proxy['outboundTransportMode'], values['linkerdVersion']);
  return mode === null ? { mode: 'transport-header', origin: 'linkerd-default' } : { mode, origin: 'linkerd-config' };
}

/** The trust domain falls back to the cluster domain, as in the chart. */
function sections(values: Values): Values {
  const proxy = isObject(values['proxy']) ? values['proxy'] : {};
  const controller = isObject(values['policyController']) ? values['policyController'] : {};
  return {
    defaultInboundPolicy: proxy['defaultInboundPolicy'],
    opaquePorts: proxy['opaquePorts'],
    probeNetworks: controller['probeNetworks'],
    clusterNetworks: values['clusterNetworks'],
    identityTrustDomain: values['identityTrustDomain'] || values['clusterDomain'],
    clusterDomain: values['clusterDomain'],
  };
}

/** Reads settings by their Helm names (`defaultInboundPolicy`, lists as arrays or comma-separated). Absent ones are Linkerd's defaults. Throws RangeError on an unusable value. */
export function fromHelmNames(settings: Values): ClusterInfo {
  const notices: string[] = [];
  const source: Source = { origin: 'flag', name: 'settings', texts: helmTexts(settings) };
  const info = Object.fromEntries(KEYS.map((key) => [key, pick(key, [source], notices).value])) as unknown as ClusterInfo;
  if (notices.length > 0) throw new RangeError(notices.join('; '));
  return info;
}

function helmTexts(settings: Values): SettingTexts {
  return texts((key) => {
    const value = settings[key === 'defaultPolicy' ? 'defaultInboundPolicy' : key];
    if (value === undefined || value === null || value === '') return null;
    return Array.isArray(value) ? value.map(String).join(',') : isObject(value) ? JSON.stringify(value) : String(value);
  });
}

function texts(of: (key: keyof ClusterInfo) => string | null): SettingTexts {
  return Object.fromEntries(KEYS.flatMap((key) => (of(key) === null ? [] : [[key, of(key)]])));
}

/** The controller takes no blanks around the items; an empty text is an empty list. */
function networks(text: string): readonly Network[] | null {
  if (text.trim() === '') return [];
  const all = text.split(',').map((item) => parseNetwork(item.trim()));
  return all.every((net) => net !== null) ? all : null;
}

function domain(text: string): string | null {
  return text.length <= 253 && /^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$/.test(text) ? text : null;
}
