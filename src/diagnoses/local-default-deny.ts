/** Row 39: a proxy acted by its own default policy deny, because the policy controller had not told it the port's policy yet. */
import { isLocalDefault } from '../policy/disagreement.ts';
import type { Denied, Diagnosis, Draft, PlacedSymptom, Troubled } from './diagnosis.ts';
import { drafted, toldBy, troubled } from './drafting.ts';
import { aboutDestination, isDated, nameOfClient, onDialledPort, unreadyPods } from './symptoms.ts';

const CONTROLLER =
  'If it goes on, see why proxies do not reach the policy controller: whether the pods of linkerd-destination run, whether DNS answers, and whether a NetworkPolicy lets port 8090 through.';

export const localDefaultDeny: Diagnosis = {
  id: 'local-default-deny',
  title: 'a proxy without a policy from the controller',
  denied(denied) {
    const { law, target } = denied;
    if (law === null || law.agrees || !isLocalDefault(target, law.evaluation)) return null;
    const unanswered = toldBy(denied, 'policy-controller-unreachable').slice(0, MOST);
    const isUndeclared = law.port !== null && !law.pod.ports.includes(law.port);
    const draft = drafted(
      denied,
      {
        certainty: isUndeclared || unanswered.length > 0 ? 'certain' : 'likely',
        removal: law.evaluation.verdict === 'allow' ? 'allows' : 'helps',
        todo: `${declareWords(denied)}A short burst at the start of a pod passes by itself. ${CONTROLLER}`,
        remedies: isUndeclared ? ['open-inbound-port'] : [],
      },
      [law.pod.ref],
    );
    return { ...draft, evidence: [...draft.evidence, ...unanswered] };
  },
  troubled(trouble) {
    return clientWithoutPolicy(trouble) ?? serverWithoutPolicy(trouble);
  },
};

function declareWords({ law, target }: Denied): string {
  const port = law?.port ?? target.port;
  if (law === null || (port !== null && law.pod.ports.includes(port))) return '';
  const name = port === null ? 'the port' : `port ${port}`;
  return `Declare ${name} in containers[].ports of ${law.pod.ref.namespace}/${law.pod.ref.name}: proxies learn the policy of declared ports at their start, of others at the first connection. `;
}

const MOST = 2;

/** Its own proxy asked how to reach the destination, and got no answer. */
function clientWithoutPolicy(trouble: Troubled): Draft | null {
  const told = aboutDestination(trouble).filter(isUnanswered);
  const { client, destination, snapshot } = trouble;
  if (told.length === 0 || client === null || destination === null) return null;
  return troubled(
    snapshot,
    {
      certainty: 'certain',
      summary: `The proxy of ${nameOfClient(trouble)} got no answer from the policy controller about ${destination.dialled}, and held the requests: no policy refused them.`,
      todo: CONTROLLER,
      remedies: [],
    },
    told,
    [client.pod?.ref ?? null],
  );
}

/** New pods that the controller did not answer are not ready: their own default deny refuses the kubelet too. */
function serverWithoutPolicy(trouble: Troubled): Draft | null {
  const told = onDialledPort(trouble).filter(isUnanswered);
  const pods = unreadyPods(trouble);
  if (told.length === 0 || pods.length === 0) return null;
  return troubled(
    trouble.snapshot,
    {
      certainty: 'likely',
      summary: `The proxy of ${pods.map(({ pod }) => pod.ref.name).join(', ')} got no policy from the controller and acts by its own default deny: the pod is not ready, and clients get 503 or 504.`,
      todo: CONTROLLER,
      remedies: [],
    },
    told,
    pods.map(({ pod }) => pod.ref),
  );
}

function isUnanswered(placed: Pick<PlacedSymptom, 'symptom'>): boolean {
  return placed.symptom.kind === 'policy-controller-unreachable' && isDated(placed);
}
