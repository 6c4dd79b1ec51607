import { authorizationsIn } from '../access/clients.ts';
import { serviceAccountIdentity, suffixMatches } from '../policy/identity.ts';
import type { ClientAuthentication } from '../policy/inbound.ts';
import type { Resource } from '../policy/resource.ts';
import { resourcesOfKind, type Snapshot, workloadsByServiceAccount } from '../policy/snapshot.ts';
import { wirePort } from '../policy/wire-port.ts';
import type { Workload } from '../policy/workload.ts';
import { annotatedBy } from './annotated.ts';
import { effectOf, meshedIn, nameWorkload } from './effect.ts';
import type { Draft } from './finding.ts';
import { accountsNamed, isOwn } from './identities.ts';
import { some } from './objects.ts';
import type { LintRule, Scope } from './rule.ts';
import { declaredPorts, keysOf, whyWithoutProxy } from './servers.ts';
import { servicePortsOf } from './services.ts';

const SKIP_OUTBOUND = 'config.linkerd.io/skip-outbound-ports';

export const clientWithoutProxy: LintRule = {
  code: 'client-without-proxy',
  title: 'a client that comes without the identity that is asked of it',
  *check(scope) {
    yield* unmeshed(scope);
    yield* skipping(scope);
  },
};

/** Grants to a ServiceAccount whose pods have no proxy. */
function* unmeshed({ resources, snapshot, isWhole }: Scope): Generator<Draft> {
  for (const object of resources) {
    for (const account of accountsNamed(object)) {
      if (object.kind === 'HTTPLocalRateLimitPolicy' || !isOwn(account, snapshot.info)) continue;
      const pods = workloadsByServiceAccount(snapshot, account.namespace, account.name);
      const reasons = pods.map((pod) => (pod.meshed ? null : whyWithoutProxy(snapshot, pod, isWhole)));
      const [pod] = pods;
      const [why] = reasons;
      if (pod === undefined || why == null || reasons.includes(null)) continue;
      const names = [...new Set(pods.map((one) => nameWorkload(snapshot, one)))];
      yield {
        severity: 'error',
        object,
        path: account.path,
        problem: `${some(names)} ${names.length === 1 ? 'runs' : 'run'} as ServiceAccount ${account.name}, without a proxy: ${why}. It is the proxy that shows the identity.`,
        effect: `What comes from there has no identity, and this grant does not let it in. ${effectOf(snapshot, object)}`,
        right:
          'A proxy for the client: away with what stands in its way, and linkerd.io/inject: enabled on its pod template or its Namespace.',
        edits: [],
      };
    }
  }
}

/** Meshed clients that pass their proxy by on the way to a port that asks for their identity. */
function* skipping({ resources, snapshot }: Scope): Generator<Draft> {
  const linted = keysOf(resources);
  const clients = [...snapshot.namespaces.keys()].flatMap((namespace) => skippingIn(snapshot, namespace));
  if (clients.length === 0) return;
  const said = new Set<Resource>();
  for (const { pod: server, port, policy } of declaredPorts(snapshot, snapshot.namespaces.keys())) {
    if (policy.server === null) continue;
    const asked = authorizationsIn(policy).map(({ authentication }) => authentication);
    if (asked.some(({ type }) => type !== 'tls-authenticated')) continue;
    const services = [...resourcesOfKind(snapshot, '', 'Service', server.ref.namespace).values()];
    const ways = [
      { dialled: port, by: `port ${port}` },
      ...services.flatMap((service) =>
        servicePortsOf(service, server, port).map((dialled) => ({ dialled, by: `port ${dialled} of Service ${service.metadata.name}` })),
      ),
    ];
    for (const client of clients) {
      const id = serviceAccountIdentity(snapshot.info, client.ref.namespace, client.serviceAccount);
      const place = annotatedBy(snapshot, client, SKIP_OUTBOUND, linted);
      const way = ways.find(({ dialled }) => isSkipped(client, server, port, dialled));
      if (place === null || way === undefined || said.has(place.object) || !asked.some((one) => lists(one, id))) continue;
      said.add(place.object);
      yield {
        severity: 'error',
        ...place,
        problem: `${nameWorkload(snapshot, client)} passes its own proxy by on ${way.by}, and Server ${policy.server.name} asks for its identity.`,
        effect: `It comes to port ${port} of ${nameWorkload(snapshot, server)} without one, and is denied though it is listed.`,
        right: `Take the port out of ${SKIP_OUTBOUND}, and restart the client. Do not loosen the policy.`,
        edits: [],
      };
    }
  }
}

function skippingIn(snapshot: Snapshot, namespace: string): readonly Workload[] {
  return meshedIn(snapshot, namespace).filter(({ resource }) => Object.hasOwn(resource.metadata.annotations ?? {}, SKIP_OUTBOUND));
}

function isSkipped(client: Workload, server: Workload, port: number, dialled: number): boolean {
  const pod = client.resource;
  const way = wirePort({
    client: { meshed: true, pod },
    server: server.resource,
    port,
    dialled,
    opaque: false,
    transport: 'transport-header',
  });
  return way.reason === 'skip-outbound-ports';
}

function lists(authentication: ClientAuthentication, id: string): boolean {
  if (authentication.type !== 'tls-authenticated') return false;
  return authentication.identities.includes(id) || authentication.suffixes.some((suffix) => suffixMatches(suffix, id));
}
