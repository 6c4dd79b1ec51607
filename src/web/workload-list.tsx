import { Kbd, TextInput } from '@mantine/core';
import { type ReactNode, type RefObject, useRef } from 'react';
import type { Shapes } from './api-types.ts';
import { inert } from './inert.ts';
import { useKeys } from './keys.ts';
import { Link, Trouble } from './parts.tsx';
import { setQuery } from './route.ts';
import { count } from './words.ts';

type Listed = Shapes['WorkloadPage']['items'][number];

interface ListProps {
  readonly query: URLSearchParams;
  readonly search: RefObject<HTMLInputElement | null>;
  readonly page: Shapes['WorkloadPage'] | undefined;
  readonly error: Error | null;
}

/** Namespaces with their workloads. The search stands in the address, as the workload that is looked at does. */
export function WorkloadList({ query, search, page, error }: ListProps): ReactNode {
  const q = query.get('q') ?? '';
  const at = query.get('at') ?? '';
  const list = useRef<HTMLDivElement>(null);
  const step = (by: number) => () => {
    const links = [...(list.current?.querySelectorAll<HTMLAnchorElement>('li a') ?? [])];
    const here = links.findIndex((link) => link === document.activeElement || link.ariaCurrent !== null);
    links[Math.min(links.length - 1, Math.max(0, here + by))]?.focus();
  };
  useKeys({ j: step(1), k: step(-1) });
  const groups = [...Map.groupBy(page?.items ?? [], ({ namespace }) => namespace)];
  return (
    <nav className="workloads" aria-label="Workloads">
      <TextInput
        ref={search}
        aria-label="Search workloads"
        placeholder="Workload or namespace"
        value={q}
        onChange={(event) => setQuery({ q: event.currentTarget.value })}
        rightSection={<Kbd size="xs">/</Kbd>}
      />
      {error !== null && <Trouble error={error} />}
      {page === undefined && error === null && <p aria-busy="true">Reading workloads…</p>}
      {page !== undefined && page.items.length === 0 && <p>{q === '' ? 'No pods are known.' : 'No workload has this in its name.'}</p>}
      <div className="list" ref={list}>
        {groups.map(([namespace, items]) => (
          <section key={namespace} aria-label={`Namespace ${inert(namespace)}`}>
            <h2>
              <Link to={place({ namespace, q, at })} current={query.get('namespace') === namespace && query.get('workload') === null}>
                {inert(namespace)}
              </Link>
            </h2>
            <ul>
              {items.map((one) => (
                <li key={`${one.workload.kind}/${one.workload.name}`}>
                  <Item one={one} q={q} at={at} isHere={isHere(one, query)} />
                </li>
              ))}
            </ul>
          </section>
        ))}
      </div>
      {page !== undefined && page.next !== null && <p className="note">There are more: search for them.</p>}
    </nav>
  );
}

interface ItemProps {
  readonly one: Listed;
  readonly q: string;
  readonly at: string;
  readonly isHere: boolean;
}

function Item({ one, q, at, isHere: current }: ItemProps): ReactNode {
  const { namespace, workload, pods, meshed, denied } = one;
  const some = meshed === 0 ? 'not meshed' : meshed < pods ? `${meshed} of ${pods} meshed` : count(pods, 'pod');
  return (
    <Link to={place({ namespace, workload: `${workload.kind}/${workload.name}`, q, at })} current={current}>
      <span>{inert(workload.name)}</span>{' '}
      {denied > 0 ? <b className="trouble">{denied.toLocaleString('en-US')} denied</b> : <span className="note">{some}</span>}
    </Link>
  );
}

function isHere({ namespace, workload: { kind, name } }: Listed, query: URLSearchParams): boolean {
  return query.get('namespace') === namespace && query.get('workload') === `${kind}/${name}`;
}

/** Policy's address with these. */
export function place(parameters: Readonly<Record<string, string>>): string {
  return `policy?${new URLSearchParams(Object.entries(parameters).filter(([, value]) => value !== ''))}`;
}
