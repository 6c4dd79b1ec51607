/** Rows 6 and 56: port 4191 of a proxy refuses whoever reads its metrics, so that nothing is seen of this pod. */
import { ADMIN_PORT } from '../evidence/conventions.ts';
import { lawOfDenial } from './closest.ts';
import type { Denied, Diagnosis } from './diagnosis.ts';
import { drafted } from './drafting.ts';

const METRICS = '/metrics';

export const prometheusDenied: Diagnosis = {
  id: 'prometheus-denied',
  title: 'Prometheus is refused the metrics of a proxy',
  denied(denied) {
    const law = lawOfDenial(denied);
    if (law === null || law.port !== ADMIN_PORT) return null;
    const paths = pathsOf(denied);
    if (paths.length > 0 && !paths.includes(METRICS)) return null;
    if (paths.length === 0 && denied.client.ref.node !== null) return null;
    const isBare = denied.client.tls?.state !== 'established';
    return drafted(denied, {
      certainty: paths.length > 0 ? 'certain' : 'likely',
      removal: 'allows',
      note: denied.decision.note || 'while it is refused, no alert that stands on these metrics can fire for this pod',
      todo: `${isBare ? 'Mesh Prometheus, so that it has an identity. ' : ''}Let its ServiceAccount read ${METRICS} of port ${ADMIN_PORT}, and in the same change the kubelet /live and /ready: a Server for port linkerd-admin, a route for each, a policy for each. linkerd viz allow-scrapes prints such objects.`,
      remedies: isBare ? ['scrape-route', 'mesh-client'] : ['scrape-route'],
    });
  },
};

function pathsOf({ client }: Denied): readonly string[] {
  return [...new Set(client.requests.flatMap(({ path }) => (path === null ? [] : [path.split('?', 1)[0] ?? ''])))];
}
