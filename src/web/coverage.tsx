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
  /** Different clients that were seen getting in. */
  readonly clients: number;
  readonly requests: number;
  /** When the last of it was seen. */
  readonly last: string | null;
  /** Sources that fail: what they alone tell is not seen. */
  readonly failing: readonly string[];
}

export function coverageOf(observations: readonly Observation[], failing: readonly string[]): readonly Covered[] {
  return [...Map.groupBy(observations, ({ namespace }) => namespace ?? 'unknown namespace')]
    .map(([namespace, seen]) => ({
      namespace,
      clients: new Set(seen.map(({ client }) => JSON.stringify(client))).size,
      requests: seen.reduce((sum, one) => sum + one.count, 0),
      last:
        seen
          .flatMap(({ last }) => last ?? [])
          .toSorted()
          .at(-1) ?? null,
      failing,
    }))
    .sort((a, b) => (a.namespace < b.namespace ? -1 : 1));
}

export function Coverage({ rows }: { readonly rows: readonly Covered[] }): ReactNode {
  const now = useNow();
  if (rows.length === 0) return null;
  return (
    <Card title="Would a denial have been seen?" note="allowed traffic as it was seen last">
      <ul className="rows" aria-label="Coverage">
        {rows.map(({ namespace, clients, requests, last, failing }) => (
          <li key={namespace}>
            <div>
              <b>{inert(namespace)}</b>
            </div>
            <div>
              <span>allowed {ago(last, now)}</span>
              <span className="note">{`${count(requests, 'request')} of ${count(clients, 'client')}`}</span>
            </div>
            <div className="wide">
              {failing.length > 0 ? (
                <Tag tone="wait" shape="warn" text="Not while a source fails" />
              ) : isFresh(last, now) ? (
                <Tag tone="ok" shape="check" text="Yes, so there are none" />
              ) : (
                <Tag tone="wait" shape="warn" text="Not since then" />
              )}
              {failing.length > 0 && <span className="note">{short(failing.join(', '), 200)}</span>}
            </div>
          </li>
        ))}
      </ul>
      <p className="note">Nowhere covered: packets that a NetworkPolicy drops reach no proxy. Their clients see a connect that fails.</p>
    </Card>
  );
}
