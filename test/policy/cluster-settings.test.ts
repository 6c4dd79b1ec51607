import { describe, expect, test } from 'vitest';
import { clusterInfo, fromHelmNames, type SettingTexts } from '../../src/policy/cluster-settings.ts';
import type { Network } from '../../src/policy/network.ts';
import type { Resource } from '../../src/policy/resource.ts';
import { LINKERD_DEFAULTS } from '../../src/policy/settings.ts';

const HELM_VALUES = `
clusterDomain: cluster.example.com
clusterNetworks: 10.0.0.0/8,fd00::/8
identityTrustDomain: ""
linkerdVersion: edge-26.8.3
policyController:
  probeNetworks:
  - 192.168.0.0/16
  - fd00::/8
proxy:
  defaultInboundPolicy: cluster-authenticated
  opaquePorts: "3306,4444"
`;

/** As charts/linkerd-control-plane renders the container. */
const ARGS = [
  '--admin-addr=0.0.0.0:9990',
  '--control-plane-namespace=l5d',
  '--grpc-addr=0.0.0.0:8090',
  '--cluster-networks=10.42.0.0/16',
  '--identity-domain=prod.example.com',
  '--cluster-domain=cluster.example.com',
  '--default-policy=deny',
  '--log-level=info',
  '--default-opaque-ports=25,587',
  '--probe-networks=192.168.77.0/24',
];

function configMap(values: string, namespace = 'linkerd'): Resource {
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'linkerd-config', namespace }, data: { values } };
}

function destination(args: readonly string[] | undefined): Resource {
  const containers = [
    { name: 'destination', args: ['destination', '-cluster-domain=wrong'] },
    { name: 'policy', args },
  ];
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'linkerd-destination', namespace: 'l5d' },
    spec: { template: { spec: { containers } } },
  };
}

const settings = (resources: readonly Resource[], flags: SettingTexts = {}) => clusterInfo({ resources, flags });
const texts = (networks: readonly Network[]) => networks.map((n) => n.text);

describe('clusterInfo', () => {
  test('with nothing to go by, everything is a default of Linkerd and says so', () => {
    const { info, origins, notices } = settings([]);
    expect(info).toEqual(LINKERD_DEFAULTS);
    expect(new Set(Object.values(origins))).toEqual(new Set(['linkerd-default']));
    expect(notices).toEqual([]);
  });

  test('ConfigMap linkerd-config gives the Helm values; an empty trust domain is the cluster domain', () => {
    const { info, origins, notices } = settings([configMap(HELM_VALUES)]);
    expect(info).toMatchObject({
      defaultPolicy: 'cluster-authenticated',
      identityTrustDomain: 'cluster.example.com',
      clusterDomain: 'cluster.example.com',
      controlPlaneNamespace: 'linkerd',
      opaquePorts: '3306,4444',
    });
    expect(texts(info.clusterNetworks)).toEqual(['10.0.0.0/8', 'fd00::/8']);
    expect(texts(info.probeNetworks)).toEqual(['192.168.0.0/16', 'fd00::/8']);
    expect(new Set(Object.values(origins))).toEqual(new Set(['linkerd-config']));
    expect(notices).toEqual([]);
  });

  test('the arguments of container policy are what runs and go before the ConfigMap, in any order of input', () => {
    const objects = [configMap(HELM_VALUES), destination(ARGS)];
    for (const resources of [objects, objects.toReversed()]) {
      const { info, origins } = settings(resources);
      expect(info).toMatchObject({
        defaultPolicy: 'deny',
        identityTrustDomain: 'prod.example.com',
        controlPlaneNamespace: 'l5d',
        opaquePorts: '25,587',
      });
      expect(texts(info.clusterNetworks)).toEqual(['10.42.0.0/16']);
      expect(texts(info.probeNetworks)).toEqual(['192.168.77.0/24']);
      expect(new Set(Object.values(origins))).toEqual(new Set(['policy-container-args']));
    }
  });

  test('an argument may stand apart from its value', () => {
    expect(settings([destination(['--default-policy', 'audit'])]).info.defaultPolicy).toBe('audit');
  });

  test('without --probe-networks the controller that runs makes no probe route', () => {
    const { info, origins } = settings([configMap(HELM_VALUES), destination(ARGS.filter((a) => !a.startsWith('--probe')))]);
    expect(info.probeNetworks).toEqual([]);
    expect(origins.probeNetworks).toBe('policy-container-args');
  });

  test('an argument that older controllers do not have is looked for elsewhere', () => {
    const { info, origins } = settings([
      configMap(HELM_VALUES),
      destination(ARGS.filter((a) => !a.includes('opaque') && !a.includes('cluster-domain'))),
    ]);
    expect([info.opaquePorts, origins.opaquePorts]).toEqual(['3306,4444', 'linkerd-config']);
    expect([info.clusterDomain, origins.clusterDomain]).toEqual(['cluster.example.com', 'linkerd-config']);
  });

  test('a Deployment whose container names no arguments tells nothing', () => {
    expect(settings([destination(undefined)]).origins.defaultPolicy).toBe('linkerd-default');
  });

  test('a pod of the destination tells as much as its Deployment', () => {
    const pod: Resource = {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'linkerd-destination-abc', namespace: 'l5d', labels: { 'linkerd.io/control-plane-component': 'destination' } },
      spec: { containers: [{ name: 'policy', args: ['--default-policy=all-authenticated'] }] },
    };
    expect(settings([pod]).info.defaultPolicy).toBe('all-authenticated');
    const both = settings([pod, destination(ARGS)]);
    expect(both.info.defaultPolicy).toBe('deny');
    expect(both.notices).toEqual([
      'container policy of Pod l5d/linkerd-destination-abc is ignored: container policy of Deployment l5d/linkerd-destination is used',
    ]);
  });

  test('flags fill in what the input does not say', () => {
    const { info, origins } = settings([configMap('proxy: {defaultInboundPolicy: deny}')], {
      identityTrustDomain: 'corp.example',
      probeNetworks: '',
    });
    expect(info).toMatchObject({ defaultPolicy: 'deny', identityTrustDomain: 'corp.example', probeNetworks: [] });
    expect(origins).toMatchObject({
      defaultPolicy: 'linkerd-config',
      identityTrustDomain: 'flag',
      probeNetworks: 'flag',
      clusterNetworks: 'linkerd-default',
    });
  });

  test('a flag that the cluster overrules is noticed, one that agrees is not', () => {
    const cluster = [configMap(HELM_VALUES)];
    expect(settings(cluster, { defaultPolicy: 'deny' }).notices).toEqual([
      'flag defaultPolicy "deny" is ignored: ConfigMap linkerd/linkerd-config says "cluster-authenticated"',
    ]);
    expect(settings(cluster, { defaultPolicy: 'cluster-authenticated' }).notices).toEqual([]);
  });

  test.each<[string, keyof SettingTexts, string]>([
    ['a policy that is none of the six', 'defaultPolicy', 'all_authenticated'],
    ['a network with too long a prefix', 'clusterNetworks', '10.0.0.0/8,10.0.0.0/33'],
    ['a network that is a word', 'probeNetworks', 'kubelet'],
    ['a domain with a blank', 'identityTrustDomain', 'cluster local'],
    ['a namespace in capitals', 'controlPlaneNamespace', 'Linkerd'],
    ['a port above 65535', 'opaquePorts', '25,70000'],
  ])('%s is noticed and the next source is asked', (_, key, text) => {
    const { info, origins, notices } = settings([], { [key]: text });
    expect(info[key]).toEqual(LINKERD_DEFAULTS[key]);
    expect(origins[key]).toBe('linkerd-default');
    expect(notices).toEqual([`flag: ${key} ${JSON.stringify(text)} is not valid and is ignored`]);
  });

  test('an argument that the controller could not have started with falls through to the ConfigMap', () => {
    const { info, origins, notices } = settings([destination(['--default-policy=allow']), configMap(HELM_VALUES)]);
    expect([info.defaultPolicy, origins.defaultPolicy]).toEqual(['cluster-authenticated', 'linkerd-config']);
    expect(notices).toEqual(['container policy of Deployment l5d/linkerd-destination: defaultPolicy "allow" is not valid and is ignored']);
  });

  test.each([
    ['values that are no YAML', 'proxy: [', 1],
    ['values that are a list', '- a', 0],
    [
      'values that are a bomb of aliases',
      `a: &a [x,x]\n${[...'bcdefghij'].map((c, i) => `${c}: &${c} [${`*${'abcdefghi'[i]},`.repeat(9)}]`).join('\n')}`,
      1,
    ],
    ['a proxy section that is a string', 'proxy: nothing', 0],
  ])('%s leave the defaults', (_, values, notices) => {
    const result = settings([configMap(values)]);
    expect({ ...result.info }).toEqual(LINKERD_DEFAULTS);
    expect(result.notices).toHaveLength(notices);
  });

  test('of two control planes the first by namespace is used and the other noticed', () => {
    const maps = [configMap('clusterDomain: b.example', 'linkerd-b'), configMap('clusterDomain: a.example', 'linkerd-a')];
    const { info, notices } = settings(maps);
    expect(info).toMatchObject({ clusterDomain: 'a.example', controlPlaneNamespace: 'linkerd-a' });
    expect(notices).toEqual(['ConfigMap linkerd-b/linkerd-config is ignored: ConfigMap linkerd-a/linkerd-config is used']);
  });

  test.each<[string, string, unknown]>([
    ['of a release since 2.18', HELM_VALUES, { mode: 'transport-header', origin: 'linkerd-config' }],
    ['of an older release', 'linkerdVersion: stable-2.14.10', { mode: 'transparent', origin: 'linkerd-config' }],
    [
      'that was set',
      'proxy: {outboundTransportMode: transparent}\nlinkerdVersion: edge-26.8.3',
      { mode: 'transparent', origin: 'linkerd-config' },
    ],
    ['that nothing tells', '{}', { mode: 'transport-header', origin: 'linkerd-default' }],
  ])('the transport mode %s', (_, values, transport) => {
    expect(settings([configMap(values)]).transport).toEqual(transport);
  });

  test('the ConfigMap that tutorials invent changes nothing', () => {
    const invented: Resource = {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'linkerd-policy-controller', namespace: 'linkerd' },
      data: { 'default-policy': 'all-authenticated' },
    };
    expect(settings([invented]).info.defaultPolicy).toBe('all-unauthenticated');
  });
});

describe('fromHelmNames', () => {
  test('reads settings by their Helm names', () => {
    const info = fromHelmNames({
      defaultInboundPolicy: 'cluster-unauthenticated',
      clusterNetworks: ['10.42.0.0/24', 'fd00:42::/32'],
      probeNetworks: [],
      identityTrustDomain: 'root.linkerd.cluster.local',
      clusterDomain: 'cluster.local',
      controlPlaneNamespace: 'l5d-cp',
      opaquePorts: '25,587',
    });
    expect(info).toMatchObject({
      defaultPolicy: 'cluster-unauthenticated',
      identityTrustDomain: 'root.linkerd.cluster.local',
      probeNetworks: [],
    });
    expect(texts(info.clusterNetworks)).toEqual(['10.42.0.0/24', 'fd00:42::/32']);
    expect(info).toMatchObject({ controlPlaneNamespace: 'l5d-cp', opaquePorts: '25,587' });
  });

  test('keeps host bits, as Linkerd prints them', () => {
    expect(texts(fromHelmNames({ probeNetworks: ['10.0.0.1/24'] }).probeNetworks)).toEqual(['10.0.0.1/24']);
  });

  test('takes no unusable value for a default', () => {
    expect(() => fromHelmNames({ defaultInboundPolicy: 'allow' })).toThrow('settings: defaultPolicy "allow" is not valid');
    expect(() => fromHelmNames({ clusterNetworks: ['10.0.0.0/8', 7] })).toThrow(RangeError);
  });
});
