import { Button, Kbd, TextInput } from '@mantine/core';
import { type ReactNode, useCallback, useDeferredValue, useEffect, useMemo, useRef, useState } from 'react';
import { AcknowledgeForm, MuteForm } from './actions.tsx';
import type { Shapes } from './api-types.ts';
import type { Verdict } from './explanation.ts';
import { useGrowing } from './growing.ts';
import { useIncidents } from './incident-list.ts';
import { IncidentRow } from './incident-row.tsx';
import { useKeys } from './keys.ts';
import { NoIncidents } from './no-incidents.tsx';
import { Trouble } from './parts.tsx';
import { setQuery } from './route.ts';
import { useAxis } from './spark.tsx';
import { useStill } from './still.ts';
import { count, labelName, VERDICTS } from './words.ts';

type Incident = Shapes['Incident'];

const FILTERS: readonly (readonly [id: string, label: string])[] = [
  ['', 'Active'],
  ['fix', VERDICTS.fix],
  ['decide', VERDICTS.decide],
  ['do-not-allow', VERDICTS['do-not-allow']],
  ['needs-evidence', VERDICTS['needs-evidence']],
  ['muted', 'Muted'],
  ['resolved', 'Resolved'],
];

export function IncidentsPage({ query, mayTriage }: { readonly query: URLSearchParams; readonly mayTriage: boolean }): ReactNode {
  const filters = { show: query.get('show') ?? '', namespace: query.get('namespace') ?? '', search: query.get('q') ?? '' };
  const { list, known, isReading } = useIncidents(filters.namespace);
  const wanted = useDeferredValue(filters.search);
  const sorted = useMemo(
    () => known.filter((one) => passes(one, filters.show) && matches(one, wanted)).sort(byUrgency),
    [known, filters.show, wanted],
  );
  const still = useStill(sorted, `${filters.namespace} ${filters.show} ${wanted}`);
  const shown = still.rows;
  const axis = useAxis(shown);
  const [chosen, setChosen] = useState('');
  const [form, setForm] = useState<'' | 'acknowledge' | 'mute'>('');
  const search = useRef<HTMLInputElement>(null);
  const index = shown.findIndex(({ id }) => id === chosen);
  const current = shown[index];
  const growing = useGrowing(shown.length);
  const choose = useCallback(
    (id: string) => {
      still.hold();
      setChosen(id);
    },
    [still.hold],
  );
  const [goal, setGoal] = useState('');
  const goTo = (id: string, position: number) => {
    growing.reach(position);
    choose(id);
    setGoal(id);
  };
  useEffect(() => {
    if (goal === '') return;
    document.getElementById(`row-${goal}`)?.focus();
    setGoal('');
  }, [goal]);
  const leave = () => {
    still.release();
    setChosen('');
  };
  const step = (by: number) => () => {
    const position = Math.min(shown.length - 1, Math.max(0, index + by));
    const next = shown[position];
    if (next !== undefined) goTo(next.id, position);
  };
  useKeys({
    j: step(1),
    k: step(-1),
    ...{ Escape: leave },
    '/': () => search.current?.focus(),
    ...(mayTriage && current !== undefined ? { a: () => setForm('acknowledge'), m: () => setForm('mute') } : {}),
    ...Object.fromEntries(FILTERS.map(([id], i) => [String(i + 1), () => setQuery({ show: id })])),
  });
  useReturnTo(shown, goTo);
  const namespaces = [...new Set([...known.flatMap(({ namespace }) => namespace ?? []), filters.namespace])].filter((n) => n !== '');

  return (
    <main>
      <div className="title">
        <h1>{headline(known)}</h1>
        <p className="note">{totals(known, filters.namespace)}</p>
      </div>
      <div className="filters">
        <TextInput
          ref={search}
          aria-label="Search"
          placeholder="Client, workload, Server, route, object"
          value={filters.search}
          onChange={(event) => setQuery({ q: event.currentTarget.value })}
          rightSection={<Kbd size="xs">/</Kbd>}
          className="search"
        />
        <fieldset className="segments">
          <legend>Answer</legend>
          {FILTERS.map(([id, label]) => (
            <button type="button" key={id} aria-pressed={filters.show === id} onClick={() => setQuery({ show: id })}>
              {label} <b>{known.filter((one) => passes(one, id)).length}</b>
            </button>
          ))}
        </fieldset>
        <label className="select">
          Namespace
          <select value={filters.namespace} onChange={(event) => setQuery({ namespace: event.currentTarget.value })}>
            <option value="">all</option>
            {namespaces.sort().map((name) => (
              <option key={name}>{name}</option>
            ))}
          </select>
        </label>
      </div>
      {list.error !== null && list.data === undefined && <Trouble error={list.error} />}
      {list.isPending && <p aria-busy="true">Reading incidents…</p>}
      {list.data !== undefined && known.filter((one) => passes(one, '')).length === 0 && filters.show === '' && (
        <NoIncidents namespace={filters.namespace} resolved={known.filter((one) => passes(one, 'resolved')).length} />
      )}
      {shown.length > 0 && (
        <ul className="incidents" aria-label="Incidents">
          {shown.slice(0, growing.most).map((incident) => (
            <IncidentRow key={incident.id} incident={incident} isChosen={incident.id === chosen} onChoose={choose} axis={axis} />
          ))}
        </ul>
      )}
      <div ref={growing.end} />
      {shown.length === 0 && known.length > 0 && (filters.show !== '' || filters.search !== '') && (
        <p>
          None of {count(known.length, 'incident')} passes these filters.{' '}
          <Button size="compact-sm" variant="default" onClick={() => setQuery({ show: '', q: '', namespace: '' })}>
            Take them away
          </Button>
        </p>
      )}
      {isReading && <p className="note">{`Reading older ones, ${known.length.toLocaleString('en-US')} so far…`}</p>}
      {list.hasNextPage && !isReading && (
        <Button variant="default" loading={list.isFetchingNextPage} onClick={() => void list.fetchNextPage()}>
          Show older ones
        </Button>
      )}
      {still.came > 0 && (
        <Button size="sm" className="came" onClick={still.release}>
          {`Sort in ${count(still.came, 'new one')}`}
        </Button>
      )}
      <KeysLine mayTriage={mayTriage} />
      {current !== undefined && (
        <>
          <AcknowledgeForm incident={current} isOpen={form === 'acknowledge'} onClose={() => setForm('')} />
          <MuteForm incident={current} isOpen={form === 'mute'} onClose={() => setForm('')} />
        </>
      )}
    </main>
  );
}

/** Back on the row from which an incident was opened. */
function useReturnTo(shown: readonly Incident[], goTo: (id: string, position: number) => void): void {
  const isShown = shown.length > 0;
  // biome-ignore lint/correctness/useExhaustiveDependencies: once, when the first rows are there
  useEffect(() => {
    const id = sessionStorage.getItem(LAST);
    if (!isShown || id === null) return;
    sessionStorage.removeItem(LAST);
    const position = shown.findIndex((one) => one.id === id);
    if (position >= 0) goTo(id, position);
  }, [isShown]);
}

const LAST = 'denywhy-last-incident';

function passes({ state, muted, wayOut }: Incident, show: string): boolean {
  if (show === 'resolved') return state === 'resolved';
  if (state === 'resolved') return false;
  if (show === 'muted') return muted;
  return !muted && (show === '' || wayOut?.verdict === show);
}

function matches({ namespace, workload, server, route, answer, wayOut, kind, pods }: Incident, search: string): boolean {
  const text = [
    namespace,
    workload?.name,
    server && labelName(server),
    route && labelName(route),
    answer?.sentence,
    answer?.client,
    wayOut?.title,
    kind,
    ...pods,
  ].join(' ');
  return search
    .toLowerCase()
    .split(/\s+/)
    .every((word) => text.toLowerCase().includes(word));
}

const ORDER: readonly (Verdict | null)[] = ['fix', 'decide', null, 'do-not-allow', 'needs-evidence', 'nothing-to-do'];

/** What a person must do comes first, then what was seen last. */
function byUrgency(a: Incident, b: Incident): number {
  const rank = ({ state, wayOut }: Incident) => (state === 'resolved' ? ORDER.length : ORDER.indexOf(wayOut?.verdict ?? null));
  const seen = ({ lastSeen, activeAt }: Incident) => Date.parse(lastSeen ?? activeAt);
  return rank(a) - rank(b) || seen(b) - seen(a);
}

function headline(known: readonly Incident[]): string {
  const active = known.filter((one) => passes(one, ''));
  const of = (verdict: Verdict) => active.filter(({ wayOut }) => wayOut?.verdict === verdict).length;
  const parts = [
    of('fix') > 0 ? `${count(of('fix'), 'denial')} to fix` : '',
    of('decide') > 0 ? `${of('decide')} to decide` : '',
    of('do-not-allow') > 0 ? `${of('do-not-allow')} right to deny` : '',
  ].filter((part) => part !== '');
  if (parts.length > 0) return parts.join(', ');
  return active.length === 0 ? 'Incidents' : count(active.length, 'active incident');
}

function totals(known: readonly Incident[], namespace: string): string {
  const active = known.filter(({ state }) => state !== 'resolved');
  const denied = active.reduce((sum, { count: own }) => sum + own, 0);
  const where = namespace === '' ? '' : ` in ${namespace}`;
  return `${active.length} active, ${known.length - active.length} resolved. ${count(denied, 'denial and failure', 'denials and failures')} counted${where}.`;
}

function KeysLine({ mayTriage }: { readonly mayTriage: boolean }): ReactNode {
  const keys: readonly (readonly [string, string])[] = [
    ['j', 'next'],
    ['k', 'before'],
    ['Enter', 'open'],
    ...(mayTriage
      ? ([
          ['a', 'acknowledge'],
          ['m', 'mute'],
        ] as const)
      : []),
    ['/', 'search'],
    ['?', 'all keys'],
  ];
  return (
    <p className="keysline">
      {keys.map(([key, what]) => (
        <span key={key}>
          <Kbd size="xs">{key}</Kbd> {what}
        </span>
      ))}
    </p>
  );
}
