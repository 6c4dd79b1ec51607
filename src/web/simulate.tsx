import './simulate.css';
import { useQuery } from '@tanstack/react-query';
import { type ReactNode, useEffect, useState } from 'react';
import { text } from './api.ts';
import type { Shapes } from './api-types.ts';
import { inert } from './inert.ts';
import { useKeys } from './keys.ts';
import { Link, Trouble } from './parts.tsx';
import { type SimulateQuestion, simulateQuery } from './policy-queries.ts';
import { go } from './route.ts';
import { ChangeForm } from './simulate-form.tsx';
import { SimulationResult, sentenceOf } from './simulate-result.tsx';

/** Of this visit: each run is an answer of its own, whatever was asked before. */
let runs = 0;

/** What a change would do, before anyone applies it: pasted, dropped, or a remedy of an incident. */
export function SimulatePage({ query }: { readonly query: URLSearchParams }): ReactNode {
  const incident = query.get('incident') ?? '';
  const number = query.get('remedy') ?? '1';
  const remedy = useRemedy(incident, number);
  const [change, setChange] = useKept(incident === '' ? '' : `${incident} ${number}`, remedy.data);
  const [asked, setAsked] = useState<{ readonly question: SimulateQuestion; readonly run: number } | null>(null);
  const { data, error, isFetching } = useQuery(simulateQuery(asked?.question ?? null, asked?.run ?? 0));
  const isTried = query.get('traffic') !== 'observed';
  const run = (objects = change) => {
    const [namespace, deleted] = [query.get('namespace') ?? '', (query.get('delete') ?? '').split(/[\s,]+/).filter((one) => one !== '')];
    const question: SimulateQuestion = {
      ...(objects.trim() === '' ? {} : { change: objects }),
      ...(deleted.length === 0 ? {} : { delete: deleted }),
      ...(namespace === '' ? {} : { namespace }),
      traffic: isTried ? 'all' : 'observed',
      markdown: true,
    };
    runs++;
    setAsked({ question, run: runs });
  };
  // Whoever writes leaves the text first, so that nothing written is lost by one key.
  const back = () => {
    if (document.activeElement instanceof HTMLTextAreaElement) document.activeElement.blur();
    else go(`incidents/${incident}`);
  };
  useKeys(incident === '' ? {} : { Escape: back });
  // A remedy is there to be tried.
  const loaded = remedy.data;
  // biome-ignore lint/correctness/useExhaustiveDependencies: once, when it has come
  useEffect(() => {
    if (loaded !== undefined) run(loaded);
  }, [loaded]);
  const isOld = data !== undefined && asked !== null && (asked.question.change ?? '') !== change;
  return (
    <main className="simulate">
      {incident !== '' && (
        <nav className="crumbs" aria-label="Where">
          <Link to={`incidents/${incident}`}>The incident</Link>
          <span> / its remedy {inert(number)}</span>
        </nav>
      )}
      <div role="status">
        <h1>{isFetching ? 'Simulating…' : data === undefined ? 'What would a change do?' : sentenceOf(data)}</h1>
        <p className="note">{aboutOf(data)} Nothing is applied.</p>
      </div>
      {remedy.error !== null && <Trouble error={remedy.error} />}
      <div className="halves">
        <ChangeForm
          query={query}
          change={change}
          onChange={setChange}
          onRun={() => run()}
          error={error}
          isRunning={isFetching}
          isTried={isTried}
        />
        <div>
          {data === undefined && !isFetching && <Beginning />}
          {isOld && <p className="lost">The objects were changed since: simulate again.</p>}
          {data !== undefined && <SimulationResult found={data} />}
        </div>
      </div>
    </main>
  );
}

/** Not asked again by itself: what stands in the form is the reader's. */
function useRemedy(incident: string, number: string) {
  return useQuery({
    queryKey: ['policy', 'remedy', incident, number],
    queryFn: () => text(`incidents/${encodeURIComponent(incident)}/remedies/${encodeURIComponent(number)}`),
    enabled: incident !== '',
    staleTime: Number.POSITIVE_INFINITY,
    refetchInterval: false,
    refetchOnWindowFocus: false,
  });
}

const KEPT = 'denywhy-change';
const MOST_KEPT = 1_000_000;

/** What was pasted is there after a reload, in this tab alone; a remedy is loaded anew. */
function useKept(remedy: string, loaded: string | undefined): readonly [string, (text: string) => void] {
  const [own, setOwn] = useState<string | null>(() => (remedy === '' ? sessionStorage.getItem(KEPT) : null));
  const set = (change: string) => {
    setOwn(change);
    if (remedy !== '') return;
    // A browser has no room for much more: then a reload begins anew.
    if (change.length <= MOST_KEPT) sessionStorage.setItem(KEPT, change);
    else sessionStorage.removeItem(KEPT);
  };
  // Another remedy, or none, is another text.
  const [before, setBefore] = useState(remedy);
  if (before !== remedy) {
    setBefore(remedy);
    setOwn(remedy === '' ? sessionStorage.getItem(KEPT) : null);
  }
  return [own ?? loaded ?? '', set];
}

function aboutOf(data: Shapes['Simulation'] | undefined): string {
  if (data === undefined) return 'Objects against the traffic that was seen, and against everyone who could call.';
  const { requests, standing, possible, unplaced } = data.looked;
  const of = (n: number, what: string) => `${n.toLocaleString('en-US')} ${what}`;
  const parts = [
    ...(requests === 0 ? [] : [of(requests, 'requests and connections that were seen')]),
    of(standing, 'probes, scrapes and calls of the control plane'),
    ...(possible ? ['every kind of client that could call'] : []),
  ];
  const lost = unplaced === 0 ? '' : ` ${of(unplaced, 'observations name no pod or port of this cluster.')}`;
  return `Looked at ${parts.join('; ')}.${lost}`;
}

function Beginning(): ReactNode {
  return (
    <section className="card" aria-label="How it goes">
      <div className="body">
        <p>Paste the objects as they would be applied, or drop a file: policies, routes, Namespaces, workloads, NetworkPolicies.</p>
        <p>The answer says who would be newly denied, who would newly get in, what cannot be told, and why.</p>
        <p>A remedy of an incident is tried from its page.</p>
      </div>
    </section>
  );
}
