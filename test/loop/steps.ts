/** What has to come, one after the other, until a denial has its answer where its page was sent. */
import { EXPLAINED } from '../../src/evidence/conventions.ts';
import type { Places } from './places.ts';

export interface Step {
  readonly name: string;
  /** What was seen; null: it has not come yet. Errors count as not yet. */
  look(): Promise<string | null>;
}

/** The story's denial: its counters, its alert and its incident bear these. */
const DENIED = { client: 'frontend.production.', route: 'backend-routes', alert: 'LinkerdRequestsDenied' } as const;
/** The object that decided. */
const CULPRIT = 'frontend-mtls';

interface Incident {
  readonly id: string;
  readonly kind: string | null;
  readonly route: { readonly name: string } | null;
  readonly alerts: readonly string[];
  readonly evidence: number;
  readonly explained: number;
  readonly answer: { readonly sentence: string } | null;
}

interface Alert {
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly state?: string;
}

interface TargetGroup {
  readonly labels: Readonly<Record<string, string>>;
}

/** `token`: with scope read. */
export function stepsOf({ urls }: Places, token: () => string): { readonly steps: readonly Step[]; readonly early: Step } {
  const incident = async () => {
    const page = await get<{ items: readonly Incident[] }>(`${urls.denywhy}/api/v1/incidents?limit=500`, token());
    return page.items.find(({ kind, route }) => kind === 'http-denied' && route?.name === DENIED.route) ?? null;
  };
  const answered = async () => {
    const found = await incident();
    const isCurrent = found !== null && found.evidence === found.explained;
    return isCurrent && found.answer?.sentence.includes(CULPRIT) === true ? { ...found, sentence: found.answer.sentence } : null;
  };
  const steps: readonly Step[] = [
    {
      name: 'counter moved',
      async look() {
        for (const { labels } of await get<readonly TargetGroup[]>(`${urls.exporter}/targets`)) {
          const page = await (await fetch(`${urls.exporter}${labels['__metrics_path__']}`)).text();
          const isIt = (line: string) => /^inbound_http_authz_deny_total\{/.test(line) && line.includes(DENIED.client);
          const line = page.split('\n').find(isIt);
          if (line !== undefined) return `inbound_http_authz_deny_total ${line.split(' ').at(-1)} on pod ${labels['pod']}`;
        }
        return null;
      },
    },
    {
      name: 'rule fired',
      async look() {
        const { data } = await get<{ data: { alerts: readonly Alert[] } }>(`${urls.prometheus}/api/v1/alerts`);
        const found = data.alerts.find(({ state, labels }) => state === 'firing' && isTheAlert(labels));
        return found === undefined ? null : `${DENIED.alert}: ${found.annotations['summary']}`;
      },
    },
    {
      name: 'webhook taken',
      async look() {
        const found = await incident();
        return found === null || found.alerts.length === 0 ? null : `incident ${found.id} has its alert`;
      },
    },
    {
      name: 'explained',
      async look() {
        const found = await answered();
        return found === null || found.alerts.length === 0 ? null : found.sentence;
      },
    },
    {
      name: 'answer back in Alertmanager',
      async look() {
        const [found, held] = [await answered(), await get<readonly Alert[]>(`${urls.alertmanager}/api/v2/alerts`)];
        const isBack = held.some(
          ({ labels, annotations }) =>
            labels['alertname'] === EXPLAINED && labels['denywhy_incident'] === found?.id && annotations['summary'] === found?.sentence,
        );
        return found !== null && isBack && held.some(({ labels }) => isTheAlert(labels)) ? `${EXPLAINED}, beside ${DENIED.alert}` : null;
      },
    },
  ];
  return { steps, early: { name: 'answered from logs alone', look: async () => ((await answered()) === null ? null : 'before any rule') } };
}

function isTheAlert(labels: Readonly<Record<string, string>>): boolean {
  return labels['alertname'] === DENIED.alert && labels['route_name'] === DENIED.route;
}

async function get<T>(url: string, token?: string): Promise<T> {
  const response = await fetch(url, {
    signal: AbortSignal.timeout(5000),
    headers: token === undefined ? {} : { Authorization: `Bearer ${token}` },
  });
  if (!response.ok) throw new Error(`${url} answers ${response.status}`);
  return (await response.json()) as T;
}
