/** What is particular to an answer about a live cluster: whether one is meant, which namespace, what was read, and whom it is about. */
import type { ClientRef } from '../evidence/client.ts';
import type { Tally } from '../evidence/tally.ts';
import type { Explanation, Question } from '../explain.ts';
import type { ClusterRecord } from '../ports.ts';
import type { Io } from './command.ts';
import { type Gathered, gather, type SourceRead } from './explain-live.ts';
import type { LiveCluster } from './explain-live-open.ts';
import type { LivePlan } from './explain-live-options.ts';
import type { ExplainOptions, Plan } from './explain-options.ts';
import { speaksUp } from './explain-stdin.ts';

/** A cluster is meant where no evidence is given; a log may still come from stdin. */
export async function isLive({ live, plan, question, client, alert }: ExplainOptions, io: Io): Promise<boolean> {
  if (live.isAsked) return true;
  if (plan.cluster.length + plan.logs.length + plan.metrics.length + plan.alerts.length > 0) return false;
  if (io.isTTY.stdin) return true;
  const hasSubject = question.namespace !== null || question.workload !== null || client !== null || alert !== null;
  return hasSubject && !(await speaksUp(io.stdin));
}

/** As kubectl does it: what names no namespace is of that of the context. */
export function questionOf({ question, live }: ExplainOptions, namespace: string): Omit<Question, 'at'> {
  return { ...question, namespace: live.allNamespaces ? null : (question.namespace ?? namespace) };
}

export const NOTHING_LIVE: Gathered = { sources: [], logs: [], isBlind: false };

/** Adds to the tally what the cluster says. Where the command line names logs or pages, these are the evidence. */
export async function readLive(
  live: LiveCluster,
  record: ClusterRecord,
  asked: Pick<Question, 'namespace' | 'workload'> & Pick<LivePlan, 'since' | 'selector'>,
  plan: Plan,
  io: Io,
  tally: Tally,
): Promise<Gathered> {
  const resources = record.changes.map(({ resource }) => resource);
  const hasFiles = plan.logs.length + plan.metrics.length > 0;
  const prometheus = await live.openPrometheus(hasFiles ? [] : resources);
  const question = {
    namespace: asked.namespace,
    workload: asked.workload,
    selector: asked.selector ?? null,
    since: asked.since,
    now: io.now,
  };
  const gathered = await gather(
    { ...live, prometheus },
    hasFiles ? [] : resources,
    hasFiles ? { ...question, workload: null } : question,
    tally,
  );
  const policies: SourceRead = {
    what: 'policies, pods and their owners',
    isRead: true,
    detail: `${resources.length.toLocaleString('en')} objects. ${live.place}`,
    remedy: '',
  };
  const unread = record.notices.map(({ where, message }): SourceRead => ({ what: where, isRead: false, detail: message, remedy: '' }));
  return { ...gathered, sources: [policies, ...gathered.sources, ...unread] };
}

/** Only the clients that run as this ServiceAccount, and what their own proxies saw; alerts keep pointing at the right ones. */
export function onlyOf(explanation: Explanation, client: string | null, namespace: string | null): Explanation {
  if (client === null) return explanation;
  const isMeant = (account: ClientRef['serviceAccount']) =>
    account?.name === client && (namespace === null || account.namespace === namespace);
  const kept = explanation.clients.flatMap(({ client: { serviceAccount } }, i) => (isMeant(serviceAccount) ? [i] : []));
  const clients = explanation.clients.filter((_, i) => kept.includes(i));
  const alerts = explanation.alerts.map((alert) => ({
    ...alert,
    clients: alert.clients.map((i) => kept.indexOf(i)).filter((i) => i >= 0),
  }));
  const symptoms = explanation.symptoms.filter(({ reporter }) => reporter.serviceAccount === client);
  return { ...explanation, clients, alerts, symptoms };
}
