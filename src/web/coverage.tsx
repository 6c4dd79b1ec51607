/** Whether a denial would have been seen, namespace by namespace: allowed traffic is counted by the same sources. */
import type { ReactNode } from 'react';
import type { Shapes } from './api-types.ts';
import { inert, short } from './inert.ts';
import { Tag } from './marks.tsx';
import { Card } from './parts.tsx';
import { ago, isFresh, useNow } from './time.ts';
import { count } from './words.ts';

type Observation = Shapes['ObservationPage']['items'][number];

export interface Covered {
  readonly namespace: string;
  /** Pods with a proxy; null: not known. */
  readonly proxies: number | null;
  /** Different clients that were seen getting in. */
  readonly clients: number;
  readonly requests: number;
  /** When the last of it was seen. */
  readonly last: string | null;
}

/** Alertmanager and the API server count nothing: without them denials are seen all the same. */
export function countsDenials({ id }: Pick<Shapes['Sources']['items'][number], 'id'>): boolean {
  return id !== 'kubernetes' && !id.startsWith('alertmanager');
}

/** `workloads`: of the cluster, where one is known. */
export function coverageOf(observations: readonly Observation[], workloads: Shapes['WorkloadPage'] | undefined): readonly Covered[] {
  const seenIn = Map.groupBy(observations, ({ namespace }) => namespace ?? 'unknown namespace');
  const runningIn = Map.groupBy(workloads?.items ?? [], ({ namespace }) => namespace);
  const known = workloads?.namespaces ?? [];
  const names = new Set([...seenIn.keys(), ...known.map(({ namespace }) => namespace)]);
  return [...names].sort().map((namespace) => {
    const seen = seenIn.get(namespace) ?? [];
    const running = runningIn.get(namespace) ?? [];
    const all = known.find((one) => one.namespace === namespace)?.workloads;
    return {
      namespace,
      proxies: running.length === all ? running.reduce((sum, { meshed }) => sum + meshed, 0) : null,
      clients: new Set(seen.map(({ client }) => JSON.stringify(client))).size,
      requests: seen.reduce((sum, one) => sum + one.count, 0),
      last:
        seen
          .flatMap(({ last }) => last ?? [])
          .toSorted()
          .at(-1) ?? null,
    };
  });
}

interface CoverageProps {
  readonly rows: readonly Covered[];
  /** Sources that fail: what they alone tell is not seen. */
  readonly failing: readonly string[];
}

export function Coverage({ rows, failing }: CoverageProps): ReactNode {
  const now = useNow();
  if (rows.length === 0) return null;
  return (
    <Card title="Would a denial have been seen?" note="allowed traffic is counted by the same sources">
      <ul className="rows" aria-label="Coverage">
        {rows.map(({ namespace, proxies, clients, requests, last }) => (
          <li key={namespace}>
            <div>
              <b>{inert(namespace)}</b>
              {proxies !== null && <span className="note">{proxies === 0 ? 'no proxies' : count(proxies, 'proxy', 'proxies')}</span>}
            </div>
            <div>
              <span>{last === null ? 'no allowed traffic was seen' : `allowed ${ago(last, now)}`}</span>
              {last !== null && <span className="note">{`${count(requests, 'request')} of ${count(clients, 'client')}`}</span>}
            </div>
            <div className="wide">
              {proxies === 0 && last === null ? (
                <Tag tone="plain" shape="dash" text="Not meshed, cannot deny" />
              ) : failing.length > 0 ? (
                <Tag tone="wait" shape="warn" text="Not while a source fails" />
              ) : isFresh(last, now) ? (
                <Tag tone="ok" shape="check" text="Yes, so there are none" />
              ) : (
                <Tag tone="wait" shape="warn" text={last === null ? 'Not proved' : 'Not since then'} />
              )}
              {failing.length > 0 && proxies !== 0 && <span className="note">{short(failing.join(', '), 200)}</span>}
            </div>
          </li>
        ))}
      </ul>
      <p className="note">Nowhere covered: packets that a NetworkPolicy drops reach no proxy. Their clients see a connect that fails.</p>
    </Card>
  );
}
