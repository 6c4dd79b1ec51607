/**
 * A small HTTP server that answers as Prometheus does, from samples in memory and with a clock of its own: what a real one cannot be made to do at
 * will (lie, hang, hold ten thousand proxies, be left for hours) is tried on it. It knows the queries that denywhy asks, and no others.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface FakeSeries {
  readonly labels: Readonly<Record<string, string>>;
  /** Milliseconds, in order. */
  readonly points: readonly (readonly [at: number, value: number])[];
}

/** What it does instead of answering; null: it answers. */
export type Hardship = (request: { readonly path: string; readonly query: string }, response: ServerResponse) => boolean;

export interface FakePrometheus {
  readonly url: string;
  now: number;
  series: FakeSeries[];
  /** Body of /api/v1/targets; null: it has no such page. */
  targets: unknown;
  externalLabels: string | null;
  warnings: readonly string[];
  /** True: it has answered. */
  hardship: Hardship | null;
  /** Every query that came. */
  readonly queries: string[];
  close(): Promise<void>;
}

const LOOKBACK = 5 * 60_000;

export async function startFakePrometheus(now: number): Promise<FakePrometheus> {
  const state: Omit<FakePrometheus, 'url' | 'close'> = {
    now,
    series: [],
    targets: null,
    externalLabels: null,
    warnings: [],
    hardship: null,
    queries: [],
  };
  const server = createServer((request, response) => void answer(state, request, response));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return Object.assign(state, {
    url: `http://127.0.0.1:${port}`,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  });
}

async function answer(state: Omit<FakePrometheus, 'url' | 'close'>, request: IncomingMessage, response: ServerResponse): Promise<void> {
  let body = '';
  for await (const chunk of request) body += String(chunk);
  const [path = ''] = (request.url ?? '').split('?');
  const form = new URLSearchParams(body);
  const query = form.get('query') ?? '';
  if (query !== '') state.queries.push(query);
  if (state.hardship?.({ path, query }, response) === true) return;
  const send = (data: unknown) => {
    const warnings = state.warnings.length === 0 ? {} : { warnings: state.warnings };
    response.setHeader('Content-Type', 'application/json').end(JSON.stringify({ status: 'success', data, ...warnings }));
  };
  const at = form.get('time') === null ? state.now : Number(form.get('time')) * 1000;
  if (path === '/api/v1/query_range') {
    const [start = 0, end = 0, step = 1] = ['start', 'end', 'step'].map((name) => Math.round(Number(form.get(name)) * 1000));
    if ((end - start) / step > 11_000)
      response
        .writeHead(400)
        .end(
          JSON.stringify({ status: 'error', errorType: 'bad_data', error: 'exceeded maximum resolution of 11,000 points per timeseries.' }),
        );
    else send({ resultType: 'matrix', result: rangeOf(state.series, query, start, end, step) });
  } else if (path === '/api/v1/query') send(instantOf(state.series, query, at));
  else if (path === '/api/v1/targets' && state.targets !== null) send(state.targets);
  else if (path === '/api/v1/status/config' && state.externalLabels !== null)
    send({ yaml: `global:\n  scrape_interval: 10s\n  external_labels: ${state.externalLabels}\n` });
  else response.writeHead(404).end('404 page not found');
}

function instantOf(all: readonly FakeSeries[], query: string, at: number): unknown {
  const seconds = at / 1000;
  if (query === 'vector(time())') return { resultType: 'vector', result: [{ metric: {}, value: [seconds, String(seconds)] }] };
  const [, by, inner] = /^count by \((\w+)\) \(\s*(.*?)\s*\)$/s.exec(query) ?? [];
  if (by !== undefined) {
    const groups = Map.groupBy(alive(selected(all, inner ?? ''), at), ({ labels }) => labels[by] ?? '');
    return {
      resultType: 'vector',
      result: [...groups].map(([name, some]) => ({ metric: name === '' ? {} : { [by]: name }, value: [seconds, String(some.length)] })),
    };
  }
  const [, selector = query, range] = /^(\{.*\})\[(\w+)\]$/s.exec(query) ?? [];
  const [, compared = selector, operator, limit] = /^(\{.*\}) (>|==) (\d+)$/s.exec(selector) ?? [];
  const passes = (value: number | undefined) =>
    operator === undefined || (operator === '>' ? Number(value) > Number(limit) : value === Number(limit));
  const series = selected(all, compared).filter((one) => passes(lastAt(one, at)?.[1]));
  if (range === undefined)
    return {
      resultType: 'vector',
      result: alive(series, at).map((one) => ({ metric: one.labels, value: [seconds, String(lastAt(one, at)?.[1])] })),
    };
  const start = at - milliseconds(range);
  const result = series.map(({ labels, points }) => ({
    metric: labels,
    values: points.filter(([t]) => t > start && t <= at).map(([t, v]) => [t / 1000, show(v)]),
  }));
  return { resultType: 'matrix', result: result.filter(({ values }) => values.length > 0) };
}

function rangeOf(all: readonly FakeSeries[], query: string, start: number, end: number, step: number): unknown[] {
  return selected(all, query).flatMap((one) => {
    const values: [number, string][] = [];
    for (let at = start; at <= end; at += step) {
      const last = lastAt(one, at);
      if (last !== undefined) values.push([at / 1000, show(last[1])]);
    }
    return values.length === 0 ? [] : [{ metric: one.labels, values }];
  });
}

function alive(series: readonly FakeSeries[], at: number): readonly FakeSeries[] {
  return series.filter((one) => lastAt(one, at) !== undefined);
}

function lastAt({ points }: FakeSeries, at: number): readonly [number, number] | undefined {
  return points.findLast(([t]) => t <= at && t > at - LOOKBACK);
}

function show(value: number): string {
  return value === Number.POSITIVE_INFINITY ? '+Inf' : String(value);
}

function milliseconds(range: string): number {
  const units: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400 };
  return Number(range.slice(0, -1)) * (units[range.slice(-1)] ?? 1) * 1000;
}

/** By the matchers in braces; values are Go strings, which JSON's are for what tests write. */
function selected(all: readonly FakeSeries[], selector: string): readonly FakeSeries[] {
  const matchers = [...selector.matchAll(/(\w+)(=~|!~|!=|=)("(?:[^"\\]|\\.)*")/g)].map(([, name = '', operator, value = '""']) => {
    const text = JSON.parse(value) as string;
    const isMatch = operator === '=' || operator === '!=' ? (s: string) => s === text : (s: string) => new RegExp(`^(?:${text})$`).test(s);
    return (labels: FakeSeries['labels']) => isMatch(labels[name] ?? '') === (operator === '=' || operator === '=~');
  });
  if (matchers.length === 0) throw new Error(`this query is not known: ${selector}`);
  return all.filter(({ labels }) => matchers.every((matches) => matches(labels)));
}
