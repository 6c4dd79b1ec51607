/** Denials of an incident over time, with the change that did it: drawn, and as a table for whoever does not see drawings. */
import './over-time.css';
import { useQuery } from '@tanstack/react-query';
import { lazy, type ReactNode, Suspense, useMemo } from 'react';
import type { Shapes } from './api-types.ts';
import type { Changed, ExplainedClient, Turn } from './explanation.ts';
import { short } from './inert.ts';
import { Card, Command, Trouble } from './parts.tsx';
import type { Moment } from './plot.tsx';
import { seriesQuery } from './queries.ts';
import { useNow, utc } from './time.ts';
import { count } from './words.ts';

const Plot = lazy(async () => ({ default: (await import('./plot.tsx')).Plot }));

type Series = Shapes['IncidentSeries'];

/** By how often they were denied; all others are the last one. */
const COLOURS = ['--bad', '--series-2', '--series-3', '--series-4'] as const;

interface OverTimeProps {
  readonly incident: Shapes['Incident'];
  readonly clients: readonly ExplainedClient[];
  readonly changed: Changed | null;
}

export function OverTimeCard({ incident, clients, changed }: OverTimeProps): ReactNode {
  const { data, error } = useQuery(seriesQuery(incident));
  if (data === undefined)
    return error === null ? null : (
      <Card title="Over time">
        <Trouble error={error} />
      </Card>
    );
  const kind = kindOf(incident);
  return <Known series={data} clients={clients} changed={changed} kind={kind} />;
}

/** How it is said what is counted. */
interface Kind {
  readonly verb: string;
  /** Those of whom nothing is known. */
  readonly nobody: string;
}

const DENIED: Kind = { verb: 'denied', nobody: 'clients that nobody names' };
const LET_THROUGH: Kind = { verb: 'let through', nobody: 'clients that nobody names' };
/** Trouble without a denial names no client as a rule. */
const SEEN: Kind = { verb: 'seen', nobody: 'all' };

const DENIALS: ReadonlySet<string | null> = new Set([
  null,
  'http-denied',
  'tcp-denied',
  'terminated',
  'route-not-found',
  'rate-limited',
  'admin-denied',
]);

function kindOf({ kind }: Pick<Shapes['Incident'], 'kind'>): Kind {
  return kind === 'audit-allowed' ? LET_THROUGH : DENIALS.has(kind) ? DENIED : SEEN;
}

interface Row {
  readonly name: string;
  readonly colour: string;
  readonly count: number;
  readonly counts: readonly number[];
}

function Known({
  series,
  clients,
  changed,
  kind,
}: {
  readonly series: Series;
  readonly clients: readonly ExplainedClient[];
  readonly changed: Changed | null;
  readonly kind: Kind;
}): ReactNode {
  const now = useNow();
  const { from, to, step, undated, outside, missing, remarks } = series;
  const start = Date.parse(from) / 1000;
  const rows = useMemo(() => rowsOf(series, clients, kind), [series, clients, kind]);
  const allowed = useMemo(() => allowedOf(series), [series]);
  const times = useMemo(
    () => Array.from({ length: Math.round((Date.parse(to) / 1000 - start) / step) }, (_, i) => start + i * step),
    [start, to, step],
  );
  const moments = useMemo(() => momentsOf(changed), [changed]);
  const bars = useMemo(() => rows.map(({ counts, colour }) => ({ counts, colour })), [rows]);
  const isDated = rows.some(({ counts }) => counts.some((n) => n > 0));
  const sentence = isDated ? summaryOf(rows, allowed, series, moments, kind) : 'When they were is not known.';
  return (
    <Card title="Over time" note={`in ${spanName(step)}, UTC`} id="over-time">
      {isDated && (
        <Suspense fallback={<div className="plot" />}>
          <Plot times={times} step={step} denied={bars} allowed={allowed} moments={moments} label={sentence} />
        </Suspense>
      )}
      <ul className="chart-legend">
        {rows.map(({ name, colour, count: own }) => (
          <li key={name}>
            <span className={`swatch ${colour.slice(2)}`} /> {name} {kind.verb} <b>{own.toLocaleString('en-US')}</b>
          </li>
        ))}
        {allowed !== null && (
          <li>
            <span className="swatch line" /> {rows.length > 1 ? 'these clients' : rows[0]?.name} allowed{' '}
            <b>{total(allowed).toLocaleString('en-US')}</b>
          </li>
        )}
      </ul>
      <p className="note">{sentence}</p>
      {undated + outside > 0 && (
        <p className="note">
          {undated > 0 && `${undated.toLocaleString('en-US')} more at times that nobody knows. `}
          {outside > 0 && `${outside.toLocaleString('en-US')} more outside of these times.`}
        </p>
      )}
      {remarks.map((remark) => (
        <p className="note" key={remark}>
          {short(remark, 300)}
        </p>
      ))}
      {missing.map(({ what, command }) => (
        <div key={what}>
          <p>Not known: {short(what, 300)}. This tells:</p>
          <Command text={command} />
        </div>
      ))}
      {isDated && <AsTable rows={rows} allowed={allowed} times={times} now={now} verb={kind.verb} />}
    </Card>
  );
}

interface TableProps {
  readonly rows: readonly Row[];
  readonly allowed: readonly number[] | null;
  readonly times: readonly number[];
  readonly now: number;
  readonly verb: string;
}

/** Times at which nothing happened are left out. */
function AsTable({ rows, allowed, times, now, verb }: TableProps): ReactNode {
  const shown = times
    .map((time, i) => ({ time, i }))
    .filter(({ i }) => rows.some(({ counts }) => (counts[i] ?? 0) > 0) || (allowed?.[i] ?? 0) > 0);
  return (
    <details className="chart-table">
      <summary>As a table</summary>
      <table aria-label="Counts over time">
        <thead>
          <tr>
            <th scope="col">From</th>
            {rows.map(({ name }) => (
              <th scope="col" key={name}>
                {name} {verb}
              </th>
            ))}
            {allowed !== null && <th scope="col">allowed</th>}
          </tr>
        </thead>
        <tbody>
          {shown.map(({ time, i }) => (
            <tr key={time}>
              <th scope="row">{utc(new Date(time * 1000).toISOString(), now)}</th>
              {rows.map(({ name, counts }) => (
                <td key={name}>{counts[i] ?? 0}</td>
              ))}
              {allowed !== null && <td>{allowed[i] ?? 0}</td>}
            </tr>
          ))}
        </tbody>
      </table>
    </details>
  );
}

function rowsOf({ clients, others }: Series, explained: readonly ExplainedClient[], kind: Kind): readonly Row[] {
  const most = clients.length > COLOURS.length || others.clients > 0 ? COLOURS.length - 1 : COLOURS.length;
  const names = clients.map((client) => nameOf(client, explained, kind));
  const own = clients.slice(0, most).map(({ count: n, denied }, i): Row => {
    const name = names[i] ?? '';
    return { name: names.indexOf(name) === i ? name : `${name} (${i + 1})`, colour: COLOURS[i] ?? '--bad', count: n, counts: denied };
  });
  const rest = clients.slice(most);
  const number = rest.length + others.clients;
  if (number === 0) return own;
  const counts = others.denied.map((n, i) => rest.reduce((sum, { denied }) => sum + (denied[i] ?? 0), n));
  const all = rest.reduce((sum, { count: n }) => sum + n, others.count);
  return [...own, { name: count(number, 'other client'), colour: COLOURS[most] ?? '--series-4', count: all, counts }];
}

/** The workload of an identity or an address where the explanation knows it. */
function nameOf({ identity, ip }: Series['clients'][number], explained: readonly ExplainedClient[], kind: Kind): string {
  const found = explained.find(({ client }) =>
    identity === null ? ip !== null && client.ips.includes(ip) && client.identity === null : client.identity === identity,
  );
  const { workload = null, serviceAccount = null } = found?.client ?? {};
  const owner = workload ?? serviceAccount;
  if (owner !== null) return short(`${owner.namespace}/${owner.name}`, 80);
  return short(identity ?? ip ?? kind.nobody, 80);
}

function allowedOf({ clients }: Series): readonly number[] | null {
  const known = clients.flatMap(({ allowed }) => (allowed === null ? [] : [allowed]));
  const [first] = known;
  return first === undefined ? null : first.map((_, i) => known.reduce((sum, counts) => sum + (counts[i] ?? 0), 0));
}

const MOST_SUPPOSED = 2;

function momentsOf(changed: Changed | null): readonly Moment[] {
  const told = (turn: Turn | null | undefined) => {
    const [edit] = turn?.edits ?? [];
    if (turn?.at == null || edit === undefined) return [];
    const by = edit.manager === null ? '' : ` with ${edit.manager.name}`;
    const text = `${turn.at.slice(11, 19)} ${edit.object.name} ${edit.change}${by}`;
    return [{ at: Date.parse(turn.at), text: short(text, 70) }];
  };
  const supposed = (changed?.candidates ?? []).filter(({ certainty }) => certainty === 'likely').slice(0, MOST_SUPPOSED);
  const likely = supposed.flatMap(({ object, change, at, manager }) => {
    const by = manager === null ? '' : ` with ${manager}`;
    return at === null ? [] : [{ at: Date.parse(at), text: short(`${at.slice(11, 19)} ${object.name} ${change}${by}, likely`, 70) }];
  });
  return [...told(changed?.turned), ...told(changed?.repaired), ...likely];
}

function summaryOf(
  rows: readonly Row[],
  allowed: readonly number[] | null,
  { from, step }: Series,
  moments: readonly Moment[],
  kind: Kind,
): string {
  const sums = (rows[0]?.counts ?? []).map((_, i) => rows.reduce((sum, { counts }) => sum + (counts[i] ?? 0), 0));
  const at = sums.indexOf(Math.max(...sums));
  const time = (i: number) => new Date(Date.parse(from) + i * step * 1000).toISOString().slice(11, 19);
  const first = sums.findIndex((n) => n > 0);
  const last = sums.findLastIndex((n) => n > 0);
  const parts = [
    `${kind.verb === DENIED.verb ? 'Denied' : 'Seen'} from ${time(first)} to ${time(last + 1)} UTC, most at ${time(at)}: ${sums[at]?.toLocaleString('en-US')} in ${spanName(step)}.`,
    allowed === null ? '' : total(allowed) === 0 ? 'None was allowed meanwhile.' : lastAllowed(allowed, time),
    ...moments.map(({ text }) => `Change: ${text}.`),
  ];
  return parts.filter((part) => part !== '').join(' ');
}

function lastAllowed(allowed: readonly number[], time: (i: number) => string): string {
  const last = allowed.findLastIndex((n) => n > 0);
  return `Allowed last at ${time(last)}.`;
}

function spanName(seconds: number): string {
  const [size, unit] = (
    [
      [86_400, 'd'],
      [3600, 'h'],
      [60, 'min'],
    ] as const
  ).find(([n]) => seconds % n === 0) ?? [1, 's'];
  return `${seconds / size} ${unit}`;
}

function total(counts: readonly number[]): number {
  return counts.reduce((sum, n) => sum + n, 0);
}
