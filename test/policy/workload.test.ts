import { describe, expect, it } from 'vitest';
import type { Resource } from '../../src/policy/resource.ts';
import { readExternalWorkload, readPod, readPortList } from '../../src/policy/workload.ts';
import { pod } from './cluster.ts';

const container = (ports: readonly object[], more: object = {}) => ({ name: 'c', ports, ...more });
const probe = (path: string | undefined, port: unknown) => ({ httpGet: { ...(path === undefined ? {} : { path }), port } });

describe('ports of a pod (facts §5.2)', () => {
  it('are those of containers and init containers, native sidecars among them', () => {
    const spec = {
      containers: [container([{ containerPort: 8080, name: 'http' }])],
      initContainers: [
        container([{ containerPort: 4191, name: 'linkerd-admin' }], { restartPolicy: 'Always' }),
        container([{ containerPort: 1, name: 'once' }]),
      ],
    };
    expect([...readPod(pod({}, spec)).portNames]).toEqual([
      ['linkerd-admin', [4191]],
      ['once', [1]],
      ['http', [8080]],
    ]);
  });

  it('may share a name, and a name counts with its case', () => {
    const spec = {
      containers: [
        container([{ containerPort: 1, name: 'adm' }]),
        container([
          { containerPort: 2, name: 'adm' },
          { containerPort: 3, name: 'ADM' },
        ]),
      ],
    };
    expect(Object.fromEntries(readPod(pod({}, spec)).portNames)).toEqual({ adm: [1, 2], ADM: [3] });
  });

  it('of another protocol than TCP do not count', () => {
    const ports = [
      { containerPort: 1, name: 'a', protocol: 'UDP' },
      { containerPort: 2, name: 'b', protocol: 'SCTP' },
      { containerPort: 3, name: 'c', protocol: 'tcp' },
      { containerPort: 0, name: 'd' },
      { containerPort: 70000, name: 'e' },
    ];
    expect([...readPod(pod({}, { containers: [container(ports)] })).portNames.keys()]).toEqual(['c']);
  });

  it('of an ExternalWorkload: of several with one name the last counts', () => {
    const spec = {
      ports: [
        { port: 80, name: 'http' },
        { port: 81, name: 'http' },
        { port: 53, name: 'dns', protocol: 'UDP' },
      ],
    };
    const resource: Resource = {
      apiVersion: 'workload.linkerd.io/v1beta1',
      kind: 'ExternalWorkload',
      metadata: { namespace: 'shop', name: 'vm' },
      spec,
    };
    expect(Object.fromEntries(readExternalWorkload(resource).portNames)).toEqual({ http: [81] });
  });
});

describe('probes (facts §5.10, linkerd2 `inbound/workload.rs`)', () => {
  it.each([
    ['the path', '/health', 8080, { 8080: ['/health'] }],
    ['without its query', '/health?full=1', 8080, { 8080: ['/health'] }],
    ['without its fragment', '/health#x', 8080, { 8080: ['/health'] }],
    ['the root where there is none', undefined, 8080, { 8080: ['/'] }],
    ['of a whole URL', 'http://x/live?y', 8080, { 8080: ['/live'] }],
    ['of an authority, which is empty and fits no request', 'health', 8080, { 8080: [''] }],
    ['none where it is no URI', '/a b', 8080, {}],
    ['none where it is empty', '', 8080, {}],
    ['none where it is neither a path nor an authority', 'health/live', 8080, {}],
    ['by the name of a port, ignoring case', '/h', 'HTTP', { 8080: ['/h'] }],
    ['none by an unknown name', '/h', 'web', {}],
    ['none by a number in quotes', '/h', '8080', {}],
    ['none on port 0', '/h', 0, {}],
  ])('count by %s', (_what, path, port, expected) => {
    const spec = { containers: [container([{ containerPort: 8080, name: 'http' }], { readinessProbe: probe(path, port) })] };
    expect(Object.fromEntries(readPod(pod({}, spec)).probes)).toEqual(expected);
  });

  it('find a named port in their own container only, over UDP never', () => {
    const spec = {
      containers: [
        container([], { livenessProbe: probe('/a', 'http') }),
        container(
          [
            { containerPort: 80, name: 'http' },
            { containerPort: 81, name: 'u', protocol: 'UDP' },
          ],
          { startupProbe: probe('/b', 'http'), livenessProbe: probe('/c', 'u') },
        ),
      ],
    };
    expect(Object.fromEntries(readPod(pod({}, spec)).probes)).toEqual({ 80: ['/b'] });
  });

  it('of gRPC, TCP and commands make none, and several paths are sorted', () => {
    const c = container([], {
      livenessProbe: { grpc: { port: 8080 } },
      readinessProbe: { tcpSocket: { port: 8080 } },
      startupProbe: { exec: {} },
    });
    const two = container([], { livenessProbe: probe('/z', 80), readinessProbe: probe('/a', 80) });
    expect(Object.fromEntries(readPod(pod({}, { containers: [c, two] })).probes)).toEqual({ 80: ['/a', '/z'] });
  });
});

describe('lists of ports in annotations (facts §5.3)', () => {
  it.each([
    ['80', [80]],
    [' 80 , 443 ', [80, 443]],
    ['8000-8002,9', [8000, 8001, 8002, 9]],
    ['1 - 2', [1, 2]],
    ['5-5', [5]],
    ['', []],
    [',,', []],
    ['+80', [80]],
    ['0080', [80]],
    ['65535', [65535]],
  ])('%j is %j', (text, ports) => {
    expect([...(readPortList(text) ?? expect.fail())]).toEqual(ports);
  });

  it.each(['http', '80,http', '80-', '-80', '2-1', '0', '65536', '1-2-3', '80;443', '8e1', '0x50', '٨'])(
    '%j spoils the whole list',
    (text) => {
      expect(readPortList(text)).toBeNull();
    },
  );

  it('that are spoiled are ignored and named', () => {
    const { settings } = readPod(
      pod({ annotations: { 'config.linkerd.io/opaque-ports': '80,http', 'config.linkerd.io/default-inbound-policy': 'Deny' } }),
    );
    expect(settings).toMatchObject({
      defaultPolicy: null,
      ignoredDefaultPolicy: 'Deny',
      ignoredPortLists: ['config.linkerd.io/opaque-ports: 80,http'],
    });
    expect(settings.opaquePorts.size).toBe(0);
  });
});

it('is meshed by its label alone', () => {
  expect(readPod(pod()).meshed).toBe(true);
  expect(readPod({ ...pod(), metadata: { namespace: 'shop', name: 'x', annotations: { 'linkerd.io/inject': 'enabled' } } }).meshed).toBe(
    false,
  );
});
