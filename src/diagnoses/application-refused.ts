/** Row 52: the application itself answered 403. */
import { parseIdentity } from '../policy/identity.ts';
import type { Diagnosis, PlacedSymptom, Troubled } from './diagnosis.ts';
import { troubled } from './drafting.ts';
import { isDated, nameOfClient, onDialledPort, podOfSymptom } from './symptoms.ts';

const TODO =
  'Look into the application: its own users, tokens, roles, or a proxy inside the pod. Nothing in the policies of Linkerd is to be changed.';

export const applicationRefused: Diagnosis = {
  id: 'application-refused',
  title: 'the application’s own 403, not Linkerd’s',
  troubled(trouble) {
    const told = onDialledPort(trouble).filter((placed) => isRefusal(placed) && mayBeOf(trouble, placed));
    const pod = trouble.destination?.pods[0]?.pod ?? null;
    if (told.length === 0 || pod === null) return null;
    const isOwn = told.some((placed) => isOf(trouble, placed));
    return troubled(
      trouble.snapshot,
      {
        certainty: isOwn ? 'certain' : 'likely',
        summary: `Linkerd let ${nameOfClient(trouble)} in, and the application of ${pod.ref.namespace}/${pod.ref.name} itself answered 403.`,
        todo: TODO,
        remedies: [],
      },
      told,
      [pod.ref],
    );
  },
  standing({ snapshot, seen }) {
    const refusals = seen.symptoms.filter(isRefusal);
    const byPort = Map.groupBy(refusals, (placed) => `${podOfSymptom(snapshot, placed)?.ref.name ?? ''}:${placed.symptom.port}`);
    return [...byPort.values()].flatMap((told) => {
      const pod = told[0] === undefined ? null : podOfSymptom(snapshot, told[0]);
      const count = told.reduce((sum, { symptom }) => sum + symptom.count, 0);
      if (pod === null) return [];
      const summary = `The application behind port ${told[0]?.symptom.port} of ${pod.ref.namespace}/${pod.ref.name} itself answered 403 ${count === 1 ? 'once' : `${count} times`}: these are no denials of Linkerd.`;
      return [troubled(snapshot, { certainty: 'certain', summary, todo: TODO, remedies: [] }, told, [pod.ref])];
    });
  },
};

function isRefusal(placed: PlacedSymptom): boolean {
  return placed.symptom.kind === 'application-refused' && isDated(placed);
}

/** Answered to somebody who showed this client's ServiceAccount. */
function isOf({ client }: Troubled, { symptom: { sample } }: PlacedSymptom): boolean {
  const tls = sample.client?.tls;
  const identity = tls?.state === 'established' && tls.clientId !== null ? parseIdentity(tls.clientId) : null;
  const account = client?.serviceAccount ?? null;
  return identity !== null && account !== null && identity.namespace === account.namespace && identity.serviceAccount === account.name;
}

/** Not to somebody else: an identity of another, or none where this client has a proxy. */
function mayBeOf(trouble: Troubled, placed: PlacedSymptom): boolean {
  const tls = placed.symptom.sample.client?.tls;
  if (tls == null || isOf(trouble, placed)) return true;
  return tls.state !== 'established' && trouble.client?.meshed !== true;
}
