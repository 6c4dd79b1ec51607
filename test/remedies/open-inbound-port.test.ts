/** NetworkPolicy lets exactly the client through: of the cases, and of a running cluster. */
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { explain } from '../../src/explain.ts';
import { readManifests } from '../../src/manifests/read.ts';
import { showYaml } from '../../src/manifests/yaml-show.ts';
import { inboundServer } from '../../src/policy/inbound-server.ts';
import { networkAnswer } from '../../src/policy/network-answer.ts';
import { LINKERD_DEFAULTS } from '../../src/policy/settings.ts';
import { buildSnapshot, findWorkload, type Snapshot, withChanges } from '../../src/policy/snapshot.ts';
import { openInboundPort } from '../../src/remedies/open-inbound-port.ts';
import { showNewcomer } from '../../src/remedies/wording.ts';
import { caseFolders, caseOf } from '../case-folder.ts';

const CASES = caseFolders(join(import.meta.dirname, '../cases')).filter(({ id }) => id === 'network-blocked');

/** By a NetworkPolicy. */
const BLOCKED: ReadonlySet<string> = new Set(['firing-application-port-alone', 'firing-egress-of-the-client']);

describe('the cases of network-blocked', () => {
  it.each(CASES.map((folder) => [folder.name, folder] as const))('%s', async (name, folder) => {
    const { case: asked, files } = await caseOf(folder);
    const { troubles } = explain({ ...asked, remedies: { files, forceGrant: false } });
    const said = troubles.flatMap(({ wayOut }) => (wayOut === null ? [] : [wayOut]));
    const told = said.map(({ verdict, reasons, remedies }) =>
      [
        `# ${verdict}`,
        ...reasons,
        ...remedies.flatMap(({ title, changes, proof }) => [
          title,
          ...(proof?.clientToo ?? []).map((one) => `lets it in too: ${showNewcomer(one)}`),
          ...(proof?.newlyIn ?? []).map((one) => `newly lets in: ${showNewcomer(one)}`),
          ...changes.map(({ diff }) => diff),
        ]),
      ].join('\n'),
    );
    if (BLOCKED.has(name))
      await expect(told.join('\n').replaceAll(join(import.meta.dirname, '..').slice(1), '…')).toMatchFileSnapshot(
        `golden/network-blocked-${name}.txt`,
      );
    else expect(told).toEqual([]);
  });
});

const pod = (name: string, app: string, port: number, namespace = 'shop') => `
apiVersion: v1
kind: Pod
metadata: {name: ${name}, namespace: ${namespace}, labels: {app: ${app}, pod-template-hash: abc, linkerd.io/control-plane-ns: linkerd}}
spec:
  initContainers: [{name: linkerd-proxy, image: proxy, restartPolicy: Always}]
  containers: [{name: app, ports: [{name: http, containerPort: ${port}}]}]
status: {podIP: 10.0.0.${port % 250}, phase: Running}
`;
const pods = [pod('web', 'web', 8081), pod('cart', 'cart', 8082), pod('stock', 'stock', 8083), pod('bot', 'bot', 8084, 'far')];
const policy = (name: string, selector: string, rest: string) => `
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: ${name}, namespace: shop}
spec: {podSelector: ${selector}, ${rest}}
`;

function snapshotOf(...policies: readonly string[]): Snapshot {
  return buildSnapshot(readManifests([...pods, ...policies].join('---'), 'x.yaml', {}).resources, LINKERD_DEFAULTS);
}

function verdictOf(snapshot: Snapshot, from: readonly [string, string], to: string): string | undefined {
  const [client, server] = [findWorkload(snapshot, 'Pod', ...from), findWorkload(snapshot, 'Pod', 'shop', to)];
  if (client === null || server === null) throw new Error('no such pod');
  const port = server.ports[0] ?? 0;
  const asked = { client, clientIp: client.ips[0] ?? null, tls: null, server, port, policy: inboundServer(snapshot, server, port) };
  return networkAnswer(snapshot, asked)?.verdict.verdict;
}

/** Who gets through to cart and to stock, after the change. */
function opened(before: Snapshot, from: readonly [string, string]) {
  const [client, server] = [findWorkload(before, 'Pod', ...from), findWorkload(before, 'Pod', 'shop', 'cart')];
  if (client === null || server === null) throw new Error('no such pod');
  const way = openInboundPort({ snapshot: before, client, clientIp: client.ips[0] ?? null, server, port: 8082 }, new Map());
  const [remedy] = way?.remedies ?? [];
  if (remedy === undefined) return { way, remedy: null, through: [] };
  const after = withChanges(
    before,
    remedy.changes.flatMap((change) => (change.after === null ? [] : [{ apply: change.after }])),
  );
  const through = [['shop', 'web'] as const, ['shop', 'stock'] as const, ['far', 'bot'] as const].flatMap((one) =>
    ['cart', 'stock'].flatMap((to) =>
      one[1] !== to && verdictOf(before, one, to) === 'deny' && verdictOf(after, one, to) === 'allow' ? [`${one[1]} → ${to}`] : [],
    ),
  );
  return { way, remedy, through };
}

const CART_PORT = policy(
  'cart-port',
  '{matchLabels: {app: cart}}',
  'policyTypes: [Ingress], ingress: [{from: [{podSelector: {}}], ports: [{port: 8082}]}]',
);
const NOTHING = policy('default-deny', '{}', 'policyTypes: [Ingress, Egress]');

describe('exactly this client', () => {
  it('in the policy that names these pods, by a rule more', () => {
    const { remedy, through } = opened(snapshotOf(CART_PORT), ['shop', 'web']);
    expect(through).toEqual(['web → cart']);
    expect(remedy?.changes.map(({ action, object }) => `${action} ${object.name}`)).toEqual(['edit cart-port']);
    expect(remedy?.proof).toMatchObject({ newlyIn: [], clientToo: [], shutOut: [] });
  });

  it('of another namespace', () => {
    const { remedy, through } = opened(snapshotOf(CART_PORT), ['far', 'bot']);
    expect(through).toEqual(['bot → cart']);
    expect(showYaml(remedy?.changes[0]?.manifest)).toContain('kubernetes.io/metadata.name: far');
  });

  it('where a whole namespace is closed, in and out, by policies of their own', () => {
    const { remedy, through } = opened(snapshotOf(NOTHING), ['shop', 'web']);
    expect(through).toEqual(['web → cart']);
    expect(remedy?.changes.map(({ action, object }) => `${action} ${object.name}`)).toEqual([
      'create web-egress-linkerd-proxy',
      'create cart-ingress-linkerd-proxy',
    ]);
  });

  it('is not offered where nothing stops it', () => {
    expect(opened(snapshotOf(), ['shop', 'web']).way).toBeNull();
  });

  it('is not offered where those pods have no labels that tell them apart', () => {
    const plain = pods.map((text) => text.replace(/labels: \{app: cart, [^}]*\}/, 'labels: {}'));
    const before = buildSnapshot(readManifests([...plain, NOTHING].join('---'), 'x.yaml', {}).resources, LINKERD_DEFAULTS);
    const { way } = opened(before, ['shop', 'web']);
    expect([way?.verdict, way?.remedies]).toEqual(['decide', []]);
  });
});
