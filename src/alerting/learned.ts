/** How a real Prometheus scrapes the proxies, told by the labels of their series. */
import { BUILD_INFO, COUNTER_LABELS, EXPORTED, LABEL, METRIC } from '../evidence/conventions.ts';
import { DENYWHY_METRIC } from './blindness-alerts.ts';
import { series } from './promql.ts';
import { readVersion, type Settings } from './settings.ts';

/** What to ask: names of labels and values of `job`, by selector. */
export const LEARN = {
  proxies: series(BUILD_INFO),
  counters: [METRIC.httpAllow, METRIC.tcpAllow, METRIC.httpDeny, METRIC.tcpDeny].map((metric) => series(metric)),
  denywhy: series(DENYWHY_METRIC.buildInfo),
} as const;

export interface Answers {
  readonly version: string;
  /** `job` of the proxies, of denywhy. */
  readonly proxyJobs: readonly string[];
  readonly denywhyJobs: readonly string[];
  /** Names of the labels of the proxies' series, of their counters. */
  readonly proxyLabels: readonly string[];
  readonly counterLabels: readonly string[];
}

export interface Learned {
  readonly settings: Settings;
  readonly notices: readonly string[];
}

const NAMESPACE_LABELS = [LABEL.namespace, 'kubernetes_namespace', 'k8s_namespace_name'];
const POD_LABELS = [LABEL.pod, 'kubernetes_pod_name', 'k8s_pod_name'];

/** What is not told stays as it is in `base`, and is said. */
export function learn(answers: Answers, base: Settings): Learned {
  const notices: string[] = [];
  const labels = new Set([...answers.proxyLabels, ...answers.counterLabels]);
  const [job, ...jobs] = answers.proxyJobs;
  if (job === undefined) notices.push(`Prometheus knows no proxy (${BUILD_INFO}): job ${base.scrape.jobs.join(', ')} is assumed.`);
  const pick = (known: readonly string[], fallback: string, what: string): string => {
    const found = known.find((label) => labels.has(label));
    if (found === undefined && job !== undefined)
      notices.push(
        `The proxies’ series have no label for the ${what} (looked for ${known.join(', ')}): add the relabeling of Linkerd’s documentation.`,
      );
    return found ?? fallback;
  };
  const [denywhyJob] = answers.denywhyJobs;
  if (denywhyJob === undefined)
    notices.push(`Prometheus does not scrape denywhy: DenywhyDown fires until it scrapes job ${base.denywhyJob}.`);
  const version = readVersion(answers.version);
  if (version === null) notices.push('Prometheus does not tell its version.');
  return {
    settings: {
      ...base,
      scrape: {
        jobs: job === undefined ? base.scrape.jobs : [job, ...jobs],
        namespace: pick(NAMESPACE_LABELS, base.scrape.namespace, 'namespace'),
        pod: pick(POD_LABELS, base.scrape.pod, 'pod'),
        exported: COUNTER_LABELS.filter((label) => labels.has(EXPORTED + label)),
      },
      denywhyJob: denywhyJob ?? base.denywhyJob,
      clusterLabel: base.clusterLabel ?? (labels.has(LABEL.cluster) ? LABEL.cluster : null),
      version: version ?? base.version,
    },
    notices,
  };
}
