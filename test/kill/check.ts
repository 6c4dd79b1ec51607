/** Compares what the API says with what was acknowledged, batch by batch. */
import { hashId } from '../../src/triage/incident.ts';
import { fingerprintOf, ownClient, SERVER, type Sent, sharedClient, workloadName } from './ledger.ts';
import { WORKLOADS } from './plan.ts';

export interface Verdict {
  /** Batches that were acknowledged. */
  readonly accepted: number;
  /** Of those, how many stand in their incident once. */
  readonly found: number;
  readonly lost: number;
  readonly doubled: number;
  /** What was lost or doubled, for people. */
  readonly faults: readonly string[];
}

interface Incident {
  readonly id: string;
  readonly workload: { readonly kind: string; readonly name: string } | null;
  readonly server: { readonly name: string } | null;
  readonly kind: string | null;
  readonly alerts: readonly string[];
  readonly counted: { readonly metrics: number; readonly logs: number; readonly before: number };
  readonly transitions: readonly { readonly from: string | null }[];
}

interface Client {
  readonly tls: { readonly clientId?: string | null } | null;
  readonly logs: { readonly count: number; readonly before: number };
  readonly metrics: { readonly count: number; readonly before: number };
}

interface Page<T> {
  readonly items: readonly T[];
  readonly next: string | null;
}

/** What one workload's incident says. */
interface Told {
  readonly incident: Incident;
  /** By identity: of a client's logs and counters, which are clients of their own. */
  readonly logs: ReadonlyMap<string, number>;
  readonly metrics: ReadonlyMap<string, number>;
}

async function get<T>(url: string): Promise<T> {
  const answer = await fetch(url);
  if (answer.status !== 200) throw new Error(`GET ${url} answered ${answer.status}: ${await answer.text()}`);
  return (await answer.json()) as T;
}

async function allOf<T>(url: string, pageOf: (answer: never) => Page<T>): Promise<readonly T[]> {
  const items: T[] = [];
  let cursor: string | null = null;
  do {
    const page: Page<T> = pageOf(await get<never>(`${url}?limit=500${cursor === null ? '' : `&cursor=${cursor}`}`));
    items.push(...page.items);
    cursor = page.next;
  } while (cursor !== null);
  return items;
}

async function readIncidents(url: string): Promise<readonly Told[]> {
  const incidents = await allOf<Incident>(`${url}/api/v1/incidents`, (page) => page);
  const told: Told[] = [];
  for (const incident of incidents) {
    const clients = await allOf<Client>(`${url}/api/v1/incidents/${incident.id}`, ({ clients: page }: { clients: Page<Client> }) => page);
    const [logs, metrics] = [new Map<string, number>(), new Map<string, number>()];
    const add = (map: Map<string, number>, name: string, { count, before }: Client['logs']) =>
      map.set(name, (map.get(name) ?? 0) + count + before);
    for (const { tls, ...client } of clients) {
      add(logs, tls?.clientId ?? '', client.logs);
      add(metrics, tls?.clientId ?? '', client.metrics);
    }
    told.push({ incident, logs, metrics });
  }
  return told;
}

/** Every batch has a client of its own, so that each is told from all others; the shared client shows that nothing is torn. */
export async function check(url: string, sent: readonly Sent[]): Promise<Verdict> {
  const all = await readIncidents(url);
  const faults: string[] = [];
  const tally = { accepted: 0, found: 0, lost: 0, doubled: 0 };
  const fault = (what: 'lost' | 'doubled', text: string) => {
    tally[what]++;
    faults.push(`${what}: ${text}`);
  };

  const byWorkload = new Map<string, Told>();
  for (const told of all) {
    const { id, workload, server, kind, transitions } = told.incident;
    const name = workload?.name ?? '';
    if (server?.name !== SERVER || kind !== 'http-denied') fault('lost', `incident ${id} of ${name} never met its evidence`);
    else if (byWorkload.has(name)) fault('doubled', `workload ${name} has a second incident, ${id}`);
    else byWorkload.set(name, told);
    if (transitions.length !== 1) fault('doubled', `incident ${id} was opened ${transitions.length} times`);
  }

  const listed = new Map<string, number>();
  for (const { incident } of all) for (const id of incident.alerts) listed.set(id, (listed.get(id) ?? 0) + 1);
  const timesListed = (s: Sent) => listed.get(hashId('a', [fingerprintOf(s.batch)])) ?? 0;
  const enders = new Map(sent.filter(({ ends }) => ends !== null).map((s) => [s.ends, s]));

  const judge = (one: Sent, value: number, least: number, most: number, what: string) => {
    if (one.isAcknowledged) tally.accepted++;
    if (value > most) fault('doubled', `${what}: ${value} instead of ${most}`);
    else if (value < least) fault('lost', `${what}: ${value} instead of ${least}`);
    else if (one.isAcknowledged) tally.found++;
  };

  const shared = new Map<string, { logs: number; metrics: number }>();
  for (const one of sent) {
    const { batch, ends, isAcknowledged } = one;
    const { id, kind, workload, own } = batch;
    const name = workloadName(workload);
    const what = `batch ${id} (${kind} of ${name})`;
    if (kind === 'alerts') {
      const isEnded = enders.get(one);
      if (ends !== null) judge(one, 1 - Math.min(1, timesListed(ends)), isAcknowledged ? 1 : 0, 1, what);
      else if (isEnded?.isAcknowledged === true) judge(one, timesListed(one), 0, 0, what);
      else judge(one, timesListed(one), isAcknowledged && isEnded === undefined ? 1 : 0, 1, what);
      continue;
    }
    const value = byWorkload.get(name)?.[kind].get(ownClient(batch)) ?? 0;
    judge(one, value, isAcknowledged || value > 0 ? own : 0, own, what);
    const sums = shared.get(name) ?? { logs: 0, metrics: 0 };
    shared.set(name, sums);
    if (value > 0) sums[kind] += batch.shared;
  }

  const compare = (what: string, value: number, expected: number) => {
    if (value !== expected) fault(value < expected ? 'lost' : 'doubled', `${what}: ${value} instead of ${expected}`);
  };
  for (let workload = 0; workload < WORKLOADS; workload++) {
    const name = workloadName(workload);
    const told = byWorkload.get(name);
    if (told === undefined) continue;
    for (const kind of ['logs', 'metrics'] as const) {
      compare(`${kind} of the shared client of ${name}`, told[kind].get(sharedClient(workload)) ?? 0, shared.get(name)?.[kind] ?? 0);
      const sum = [...told[kind].values()].reduce((total, n) => total + n, 0);
      const counted = kind === 'logs' ? told.incident.counted.logs : told.incident.counted.metrics + told.incident.counted.before;
      compare(`${kind} of the incident of ${name}, against its clients`, counted, sum);
    }
  }
  return { ...tally, faults };
}
