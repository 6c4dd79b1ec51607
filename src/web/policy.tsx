import './policy.css';
import { Button, TextInput } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { type ReactNode, useRef, useState } from 'react';
import type { Shapes } from './api-types.ts';
import { CanCard, PROXY_ADMIN_PORT } from './can.tsx';
import { inert } from './inert.ts';
import { useKeys } from './keys.ts';
import { Card, Link, Trouble } from './parts.tsx';
import { PortCard } from './policy-port.tsx';
import { policyQuery, workloadsQuery } from './policy-queries.ts';
import { setQuery } from './route.ts';
import { TrafficCard } from './traffic.tsx';
import { count } from './words.ts';
import { place, WorkloadList } from './workload-list.tsx';

type WorkloadPolicy = Shapes['Policy']['workloads'][number];

/** What is enforced, for whom; may somebody; and who calls whom. */
export function PolicyPage({ query }: { readonly query: URLSearchParams }): ReactNode {
  const namespace = query.get('namespace') ?? '';
  const workload = query.get('workload') ?? '';
  const search = useRef<HTMLInputElement>(null);
  useKeys({ '/': () => search.current?.focus() });
  const at = query.get('at') ?? '';
  const list = useQuery(workloadsQuery(query.get('q') ?? '', at));
  const policy = useQuery(policyQuery(namespace, workload, at));
  const found = workload === '' ? undefined : policy.data?.workloads[0];
  return (
    <main className="policy">
      <WorkloadList query={query} search={search} page={list.data} error={list.error} />
      <div>
        {workload === '' && <Overview namespace={namespace} namespaces={list.data?.namespaces ?? []} />}
        {workload !== '' && found === undefined && <h1>{inert(workload)}</h1>}
        {found !== undefined && <Title found={found} />}
        <Moment at={at} />
        {policy.error !== null && <Trouble error={policy.error} />}
        <CanCard query={query} found={found} namespace={namespace} workloads={list.data?.items ?? []} />
        {workload !== '' && found === undefined && policy.error === null && <p aria-busy="true">Reading its policy…</p>}
        {found?.ports.toSorted(applicationFirst).map((port) => (
          <PortCard key={`${port.port} ${port.pods[0]}`} port={port} of={found} />
        ))}
        {found !== undefined && <OtherPorts found={found} />}
        {namespace === '' && list.data !== undefined && <Namespaces namespaces={list.data.namespaces} />}
        {namespace !== '' && <TrafficCard query={query} namespace={namespace} workload={workload} />}
      </div>
    </main>
  );
}

/** The proxy's own port comes last. */
function applicationFirst(a: WorkloadPolicy['ports'][number], b: WorkloadPolicy['ports'][number]): number {
  return Number(a.port === PROXY_ADMIN_PORT) - Number(b.port === PROXY_ADMIN_PORT) || a.port - b.port;
}

interface OverviewProps {
  readonly namespace: string;
  readonly namespaces: Shapes['WorkloadPage']['namespaces'];
}

function Overview({ namespace, namespaces }: OverviewProps): ReactNode {
  if (namespace !== '')
    return (
      <div className="title">
        <h1>{inert(namespace)}</h1>
        <p className="note">Name a workload of the list to see what is enforced on its ports.</p>
      </div>
    );
  const all = namespaces.reduce((sum, { workloads }) => sum + workloads, 0);
  return <h1>{namespaces.length === 0 ? 'Policy' : `Policy of ${count(all, 'workload')} in ${count(namespaces.length, 'namespace')}`}</h1>;
}

function Namespaces({ namespaces }: Pick<OverviewProps, 'namespaces'>): ReactNode {
  return (
    <Card title="Who calls whom" note="by namespace">
      <ul className="rows">
        {namespaces.map(({ namespace, workloads }) => (
          <li key={namespace}>
            <div>
              <Link to={place({ namespace })}>{inert(namespace)}</Link>
            </div>
            <div>{count(workloads, 'workload')}</div>
          </li>
        ))}
      </ul>
    </Card>
  );
}

function Title({ found }: { readonly found: WorkloadPolicy }): ReactNode {
  const { workload, pods, meshed, ports, otherTraffic } = found;
  const denied = ports.reduce((sum, { traffic }) => sum + traffic.denied, otherTraffic.denied);
  return (
    <div className="title">
      <h1>
        {inert(workload.name)} in {inert(workload.namespace)}
      </h1>
      <p className="note">
        {inert(workload.kind)}, {count(pods.length, 'pod')}
        {meshed ? `, ${count(ports.length, 'port')}` : ''}
        {denied > 0 && <span className="trouble">, {denied.toLocaleString('en-US')} denied</span>}
      </p>
    </div>
  );
}

/** Of which moment the policy is: now, or one that the history goes back to. What was counted is counted until now. */
function Moment({ at }: { readonly at: string }): ReactNode {
  const [given, setGiven] = useState<string | null>(null);
  const [isFault, setFault] = useState(false);
  const text = given ?? at;
  return (
    <form
      className="moment"
      onSubmit={(event) => {
        event.preventDefault();
        const moment = text.trim() === '' ? '' : instantOf(text.trim());
        setFault(moment === null);
        if (moment === null) return;
        setQuery({ at: moment });
        setGiven(null);
      }}
    >
      <TextInput
        aria-label="Policy as of"
        placeholder="as of now; or 2026-11-23T09:25:00Z"
        size="xs"
        value={text}
        onChange={(event) => setGiven(event.currentTarget.value)}
      />
      <Button type="submit" size="xs" variant="default">
        Show
      </Button>
      {at !== '' && (
        <>
          <Button size="xs" variant="default" onClick={() => setQuery({ at: '' })}>
            Back to now
          </Button>
          <span className="lost">The policy of that moment; what was counted is counted until now.</span>
        </>
      )}
      {isFault && (
        <span className="trouble" role="alert">
          This is no time. Write it as 2026-11-23T09:25:00Z, or 2026-11-23 09:25 for UTC.
        </span>
      )}
    </form>
  );
}

/** As the API takes it; UTC where no zone is named. null: it is no time. */
function instantOf(text: string): string | null {
  const [, day, clock, zone = 'Z'] = /^(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d(?::\d\d(?:\.\d+)?)?) ?(Z|UTC|[+-]\d\d:\d\d)?$/.exec(text) ?? [];
  const time = day === undefined ? Number.NaN : Date.parse(`${day}T${clock}${zone === 'UTC' ? 'Z' : zone}`);
  return Number.isNaN(time) ? null : new Date(time).toISOString();
}

const SOURCES: Readonly<Record<string, string>> = {
  pod: 'by an annotation of the pod',
  template: 'by an annotation in its template',
  namespace: 'by an annotation of the namespace, which the pod got when it was made',
  cluster: 'the cluster’s own',
};

/** Of ports that no Server takes; what a restart would change. */
function OtherPorts({ found: { default: standing, meshed, notRolledOut } }: { readonly found: WorkloadPolicy }): ReactNode {
  return (
    <section className="card" aria-label="Any other port">
      <header>
        <h2>{meshed ? 'Any other port' : 'Not meshed'}</h2>
        {standing !== null && <span className="note">no Server selects it</span>}
      </header>
      <div className="body">
        {!meshed && <p>No proxy stands before these pods, so that Linkerd refuses nobody here. NetworkPolicy may.</p>}
        {standing !== null && (
          <p>
            Default policy <b>{inert(standing.policy)}</b>, {SOURCES[standing.source] ?? inert(standing.source)}.
          </p>
        )}
        {notRolledOut.map((change) => (
          <p key={JSON.stringify(change)} className="trouble">
            Not rolled out: {pendingWords(change)}; a restart brings it.
          </p>
        ))}
      </div>
    </section>
  );
}

function pendingWords({ pods, ...change }: WorkloadPolicy['notRolledOut'][number]): string {
  const { what, key, now, next, by } = change as Readonly<Record<string, string | null>>;
  const who = by === 'template' ? 'the template' : 'the namespace';
  const on = `${count(pods, 'pod')}`;
  if (what === 'injection') return inert(`${who} asks for a proxy, and ${on} have none`);
  const has = now === null ? 'none' : now;
  return inert(next === null ? `${who} no longer has ${key}, and ${on} have ${has}` : `${who} says ${key}: ${next}, and ${on} have ${has}`);
}
