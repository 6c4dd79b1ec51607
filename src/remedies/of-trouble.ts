/** The way out of trouble that left no denial of its client, or of nobody in particular. */
import type { Seen } from '../diagnoses/diagnosis.ts';
import type { Finding } from '../diagnoses/finding.ts';
import type { TroubleExplanation } from '../diagnoses/troubles.ts';
import { readinessOf } from '../evidence/destination.ts';
import { findWorkload, type Snapshot } from '../policy/snapshot.ts';
import { admitProbes } from './admit-probes.ts';
import type { Files } from './change.ts';
import { openInboundPort } from './open-inbound-port.ts';
import type { WayOut } from './remedy.ts';

/** What a remedy of trouble is made for, and of. */
export interface Around {
  /** In force now, or at the moment asked about. */
  readonly snapshot: Snapshot;
  readonly seen: Pick<Seen, 'observations'>;
  /** Of the cluster, by the names in origins. */
  readonly files: Files;
}

/** Of pods that are not ready, whoever dials them: the finding names them. null: no change of objects mends what it names. */
export function wayOutOfStanding({ id, remedies, objects }: Finding, around: Around): WayOut | null {
  if (id !== 'http-version-mismatch' && id !== 'probe-not-allowed') return null;
  const pods = objects.flatMap(({ ref: { kind, namespace, name } }) =>
    kind === 'Pod' ? (findWorkload(around.snapshot, 'Pod', namespace, name) ?? []) : [],
  );
  if (pods.length === 0) return null;
  const dialled = pods.map((pod) => ({ pod, port: null, ...readinessOf(pod) }));
  return admitProbes({ client: null, destination: { dialled: '', service: null, pods: dialled } }, remedies, around);
}

/** By the first finding; null: no change of objects mends what it names. */
export function wayOutOfTrouble(trouble: TroubleExplanation, around: Around): WayOut | null {
  const [first] = trouble.findings;
  switch (first?.id) {
    case 'network-blocked':
      return first.remedies.includes('open-inbound-port') ? throughNetwork(trouble, around) : null;
    case 'http-version-mismatch':
    case 'probe-not-allowed':
      return admitProbes(trouble, first.remedies, around);
    default:
      return null;
  }
}

function throughNetwork({ client, destination }: TroubleExplanation, { snapshot, files }: Around): WayOut {
  const ways = (destination?.pods ?? []).map(({ pod: server, port }) =>
    port === null ? null : openInboundPort({ snapshot, client: client?.pod ?? null, clientIp: client?.ip ?? null, server, port }, files),
  );
  const blocked = ways.find((way) => way !== null);
  return blocked ?? { verdict: 'nothing-to-do', reasons: ['The NetworkPolicies in force now let it through.'], remedies: [] };
}
