/** What a proof says is what happens: each remedy applied, the objects read anew, everyone asked one by one. */
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { getsIn } from '../../src/access/compare.ts';
import { fromHelmNames } from '../../src/policy/cluster-settings.ts';
import { evaluate } from '../../src/policy/evaluate.ts';
import type { Traffic } from '../../src/policy/evaluation.ts';
import { serviceAccountIdentity } from '../../src/policy/identity.ts';
import { inboundServer } from '../../src/policy/inbound-server.ts';
import type { Resource } from '../../src/policy/resource.ts';
import { buildSnapshot, findWorkload, resourcesOf, type Snapshot } from '../../src/policy/snapshot.ts';
import type { Proof } from '../../src/remedies/remedy.ts';
import { connectionOf, type Query, trafficOf } from '../oracle/answers.ts';
import { filesBelow, type Rec, readRecords } from '../oracle/read.ts';
import { cluster as anyCluster, port as anyPort, question as anyQuestion } from '../policy/arbitrary.ts';
import { get, meshed, pod, policy, server, snapshot as snapshotOf, UNMESHED } from '../policy/cluster.ts';
import { readAnew, replay } from './naive.ts';
import { networkDifferences } from './naive-network.ts';
import { distinctOffers, type Offer, offersOfCases, offersOfSituations, situationsSkip } from './offers.ts';
import { offersFor } from './plead.ts';
import { type Asker, differences } from './said.ts';

const LONG = 300_000;
const ORACLE = join(import.meta.dirname, '../fixtures/oracle');
/** Of each file of clusters at random; every scenario. */
const MOST_RANDOM = 1;

function bare(name: string): Resource {
  const { metadata, ...rest } = pod();
  return { ...rest, metadata: { ...metadata, name, namespace: 'legacy', labels: { app: name } } };
}
/** Pods that call, with a proxy and without, of which one has no address yet. */
const CALLERS: readonly Resource[] = [
  { ...pod({ name: 'frontend', labels: { app: 'frontend' } }, { serviceAccountName: 'frontend' }), status: { podIP: '10.42.0.13' } },
  { ...bare('scanner'), status: { podIP: '10.42.0.66' } },
  bare('no-address'),
];

/** null: nobody is let in by it. */
function askerOf({ target, clientPod, snapshot, remedy }: Offer): Asker | null {
  if (target !== null && target.evaluation !== null && target.port !== null) {
    const server = { namespace: target.namespace ?? '', name: target.pods[0] ?? '', port: target.port };
    const { connection } = target.evaluation;
    const account = remedy.changes.find(({ object }) => object.kind === 'ServiceAccount')?.object;
    if (account === undefined) return { connection, pod: clientPod, server };
    const clientId = serviceAccountIdentity(snapshot.info, account.namespace, account.name);
    const was = connection.tls?.state === 'established' ? connection.tls.clientId : null;
    return { connection: { ...connection, tls: { state: 'established', clientId } }, was, pod: clientPod, server };
  }
  if (remedy.id === 'narrow-policy' || remedy.id === 'withdraw-grant') return null;
  // Of trouble with probes it is the kubelet.
  const [node] = [...resourcesOf(snapshot)].flatMap(({ kind, status }) =>
    kind === 'Pod' ? ((status as { hostIP?: string } | undefined)?.hostIP ?? []) : [],
  );
  return node === undefined ? null : { connection: { clientIp: node, tls: UNMESHED }, pod: null, server: null };
}

interface Outcome {
  readonly asked: number;
  readonly remedies: number;
  readonly faults: readonly string[];
}

/** `proofOf`: what is held to be the proof. */
function outcomeOf(
  offers: readonly Offer[],
  more: readonly Traffic[] = [],
  proofOf = ({ remedy }: Offer): Proof | null => remedy.proof,
): Outcome {
  let [asked, remedies] = [0, 0];
  const faults: string[] = [];
  for (const offer of offers) {
    const { snapshot, remedy, of } = offer;
    const proof = proofOf(offer);
    if (proof === null) continue;
    remedies += 1;
    const after = readAnew(snapshot, remedy.changes);
    const found = remedy.id === 'open-inbound-port' ? null : replay(snapshot, after, more);
    asked += found?.asked ?? 0;
    const said = found === null ? networkDifferences(proof, snapshot, after) : differences(proof, found, askerOf(offer), snapshot);
    faults.push(...said.map((text) => `${of}: ${remedy.title} ${text}`));
  }
  return { asked, remedies, faults };
}

describe('what a proof says is what happens', () => {
  it(
    'of every remedy of every case',
    async () => {
      const { asked, remedies, faults } = outcomeOf(distinctOffers(await offersOfCases()));
      expect(faults).toEqual([]);
      expect(remedies).toBeGreaterThan(180);
      expect(asked).toBeGreaterThan(500_000);
    },
    LONG,
  );

  it(
    `of every remedy of every captured situation${situationsSkip === null ? '' : ` [${situationsSkip}]`}`,
    () => {
      const { remedies, faults } = outcomeOf(distinctOffers(offersOfSituations()));
      expect(faults).toEqual([]);
      expect(remedies).toBeGreaterThan(situationsSkip === null ? 60 : 12);
    },
    LONG,
  );

  it(
    'of clusters at random',
    () => {
      let proved = 0;
      const beside = fc.array(anyQuestion, { maxLength: 4 });
      fc.assert(
        fc.property(anyCluster, anyQuestion, anyPort, beside, fc.boolean(), (resources, { ip, tls, traffic }, port, others, isSeen) => {
          const snapshot = readAnew(snapshotOf([...resources, ...CALLERS]), []);
          const backend = findWorkload(snapshot, 'Pod', 'shop', 'backend');
          const connection = { clientIp: isSeen ? ip : null, tls };
          const offers = backend === null ? [] : offersFor(snapshot, backend, port, connection, traffic);
          const { remedies, faults } = outcomeOf(
            offers,
            others.map((other) => other.traffic),
          );
          proved += remedies;
          expect(faults).toEqual([]);
        }),
        { numRuns: 400 },
      );
      expect(proved).toBeGreaterThan(40);
    },
    LONG,
  );

  it(
    'of the oracle’s clusters, whose requests are all asked again',
    () => {
      const found = oracleClusters().map(outcomeOfCluster);
      expect(found.flatMap(({ faults }) => faults)).toEqual([]);
      expect(found.reduce((sum, { remedies }) => sum + remedies, 0)).toBeGreaterThan(300);
    },
    LONG,
  );

  it('of a Server that tells no age and is edited beside another of its port', () => {
    const snapshot = snapshotOf([pod(), server('s-a'), server('s-b', { accessPolicy: 'cluster-unauthenticated' })]);
    const { remedies, faults } = outcomeOf(offersAt(snapshot, 8080, { type: 'tcp' }));
    expect(faults).toEqual([]);
    expect(remedies).toBeGreaterThan(0);
  });

  it('of a client whose address nobody saw: it is not taken for a pod without one', () => {
    const annotations = { 'config.linkerd.io/default-inbound-policy': 'deny' };
    const open = policy('everyone', { kind: 'Namespace', name: 'shop' }, []);
    const snapshot = snapshotOf([pod({ annotations }), server('s-a', { port: 'nope', podSelector: {} }), open, ...CALLERS]);
    const backend = findWorkload(snapshot, 'Pod', 'shop', 'backend');
    const offers = backend === null ? [] : offersFor(snapshot, backend, 8080, { clientIp: null, tls: UNMESHED }, get('/'));
    expect(outcomeOf(offers).faults).toEqual([]);
    expect(offers.map(({ remedy }) => remedy.id)).toContain('repair-selector');
  });

  it('of a Server that takes several ports, of which one was asked for', () => {
    const containers = ['one', 'two'].map((name, i) => ({ name, ports: [{ containerPort: 8080 + i, name: 'http' }] }));
    const snapshot = snapshotOf([pod({}, { containers }), server('backend-http', { port: 'http', proxyProtocol: 'HTTP/1' })]);
    const offers = offersAt(snapshot, 8081, get('/'));
    const { remedies, faults } = outcomeOf(offers);
    expect(faults).toEqual([]);
    expect(remedies).toBeGreaterThan(0);
    expect(offers[0]?.remedy.proof?.clientToo.map(({ port }) => port)).toEqual([8080]);
  });

  it('and one that keeps somebody quiet, or names one too many, is found out', async () => {
    const offers = distinctOffers(await offersOfCases());
    const some = (list: keyof Pick<Proof, 'clientToo' | 'newlyIn' | 'shutOut'>) =>
      offers.filter(({ remedy: { proof, id } }) => proof !== null && proof[list].length > 0 && id !== 'open-inbound-port').slice(0, 5);
    for (const list of ['clientToo', 'newlyIn', 'shutOut'] as const) {
      const chosen = some(list);
      expect(chosen.length, list).toBeGreaterThan(1);
      for (const offer of chosen) {
        const altered = (alter: (named: Proof['newlyIn']) => Proof['newlyIn']) =>
          outcomeOf([offer], [], ({ remedy: { proof } }) => (proof === null ? null : { ...proof, [list]: alter(proof[list]) })).faults;
        expect(altered((named) => named)).toEqual([]);
        expect(altered((named) => named.slice(1)).length, offer.of).toBeGreaterThan(0);
        const nobody = { type: 'service-account', namespace: 'nowhere', name: 'nobody' } as const;
        expect(altered((named) => named.map((one, i) => (i === 0 ? { ...one, who: nobody } : one))).length, offer.of).toBeGreaterThan(0);
        expect(
          altered((named) => named.map((one, i) => (i === 0 ? { ...one, requests: [...one.requests, 'GET /x'] } : one))).length,
          offer.of,
        ).toBe(1);
      }
    }
  });
});

function offersAt(snapshot: Snapshot, port: number, traffic: Traffic): readonly Offer[] {
  const backend = findWorkload(snapshot, 'Pod', 'shop', 'backend');
  return backend === null ? [] : offersFor(snapshot, backend, port, { clientIp: '10.42.0.13', tls: meshed() }, traffic);
}

function oracleClusters(): readonly Rec[] {
  return filesBelow([ORACLE])
    .filter((file) => /scenarios|random/.test(file))
    .flatMap((file) => readRecords(file).slice(0, MOST_RANDOM));
}

/** Each request of it that is denied is pleaded for; and allowed by the first remedy in the oracle's own words. */
function outcomeOfCluster(record: Rec): Outcome {
  const resources = ((record['resources'] ?? []) as unknown as readonly Resource[]).map((resource) => ({
    ...resource,
    metadata: { ...resource.metadata, namespace: resource.metadata.namespace ?? '' },
  }));
  const snapshot = readAnew(buildSnapshot(resources, fromHelmNames(record['settings'] as Rec)), []);
  const queries = (record['queries'] ?? []) as unknown as readonly Query[];
  const more = queries.map(({ request }) => trafficOf(request));
  const known = new Set<string>();
  const found = queries.map(({ id, target, connection, request }): Outcome => {
    const pod = findWorkload(snapshot, target.kind, target.namespace, target.name);
    if (pod === null || !pod.meshed) return { asked: 0, remedies: 0, faults: [] };
    const offers = offersFor(snapshot, pod, target.port, connectionOf(connection), trafficOf(request));
    const isNew = ({ remedy, clientPod }: Offer) => {
      const key = JSON.stringify([connection, clientPod, remedy.changes.map(({ object, manifest }) => [object, manifest]), remedy.proof]);
      return known.size < known.add(key).size;
    };
    const outcome = outcomeOf(offers.filter(isNew), more);
    const still = offers.slice(0, 1).flatMap(({ remedy }) => {
      if (remedy.proof === null || remedy.id === 'repair-protocol') return [];
      const after = readAnew(snapshot, remedy.changes);
      const now = findWorkload(after, target.kind, target.namespace, target.name) ?? pod;
      const { verdict } = evaluate(inboundServer(after, now, target.port), connectionOf(connection), trafficOf(request));
      return getsIn(verdict) ? [] : [`${remedy.title} leaves it at ${verdict}`];
    });
    return { ...outcome, faults: [...still, ...outcome.faults].map((text) => `${record['id']} ${id}: ${text}`) };
  });
  return {
    asked: found.reduce((sum, one) => sum + one.asked, 0),
    remedies: found.reduce((sum, one) => sum + one.remedies, 0),
    faults: found.flatMap(({ faults }) => faults),
  };
}
