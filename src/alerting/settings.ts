/** Everything the rules depend on, resolved: how Prometheus scrapes the proxies, and how people want to be alerted. */
import { PROXY_JOB } from '../evidence/conventions.ts';
import type { AlertName } from './names.ts';

/** How the proxies' series are labelled in one Prometheus. */
export interface Scrape {
  /** Values of `job` on the proxies' series. */
  readonly jobs: readonly [string, ...string[]];
  /** The target labels that hold the pod's namespace and name. */
  readonly namespace: string;
  readonly pod: string;
  /** Labels of the counters that Prometheus renamed to `exported_…`, because a target label has that name. */
  readonly exported: readonly string[];
}

/** linkerd-viz, and the documented scrape configuration for a Prometheus of one's own (facts §2.1, §2.3). */
export const LINKERD_VIZ: Scrape = { jobs: [PROXY_JOB], namespace: 'namespace', pod: 'pod', exported: [] };

/** The Helm chart's PodMonitor: the operator puts its namespace into the job's name. */
export function podMonitor(controlPlaneNamespace: string): Scrape {
  return { ...LINKERD_VIZ, jobs: [`${controlPlaneNamespace}/${PROXY_JOB}`] };
}

export type Severity = string;

/** What part of the denied traffic is meant; a part that is absent means all of it. */
export interface Selection {
  readonly namespace?: string;
  readonly workloadKind?: string;
  readonly workload?: string;
  readonly server?: string;
  readonly route?: string;
}

/** null: as the alert has it. */
export interface AlertTuning {
  readonly enabled: boolean;
  readonly threshold: number | null;
  readonly severity: Severity | null;
  /** Seconds; 0 fires at once. */
  readonly for: number | null;
}

export interface Mute extends Selection {
  /** Absent: every alert about denied traffic. */
  readonly alerts?: readonly AlertName[];
}

export interface Override extends Selection {
  readonly alerts?: readonly AlertName[];
  readonly threshold?: number;
  readonly severity?: Severity;
}

export interface PrometheusVersion {
  readonly major: number;
  readonly minor: number;
}

/** All times in seconds. */
export interface Settings {
  readonly scrape: Scrape;
  /** `job` of denywhy's own metrics. */
  readonly denywhyJob: string;
  /** The label that tells clusters apart in one Prometheus; null: there is one cluster. */
  readonly clusterLabel: string | null;
  /** What counts as now: a denial is seen this long. */
  readonly window: number;
  /** How long a series or a target may be out of sight and is still known; retention must hold `window` more than that. */
  readonly lookback: number;
  /** How long an alert stays after its last denial left the window. */
  readonly keepFiringFor: number;
  /** Between evaluations; null: the server's own. */
  readonly interval: number | null;
  /** Evaluates in the past, for samples that arrive late by remote write; null: no. */
  readonly queryOffset: number | null;
  /** `%s` stands for the alert's name. denywhy serves the pages itself: this is where it listens, or where a port-forward makes it listen. */
  readonly runbookUrl: string;
  /** The least denials in the window for the ratio to count. */
  readonly ratioFloor: number;
  readonly alerts: ReadonlyMap<AlertName, AlertTuning>;
  readonly mutes: readonly Mute[];
  readonly overrides: readonly Override[];
  /** The oldest Prometheus that must load the rules. */
  readonly version: PrometheusVersion;
}

export const DEFAULTS: Settings = {
  scrape: LINKERD_VIZ,
  denywhyJob: 'denywhy',
  clusterLabel: null,
  window: 300,
  lookback: 3600,
  keepFiringFor: 300,
  interval: null,
  queryOffset: null,
  runbookUrl: 'http://localhost:8417/runbooks/%s',
  ratioFloor: 20,
  alerts: new Map(),
  mutes: [],
  overrides: [],
  version: { major: 2, minor: 42 },
};

/** `2.42.0`, `v3.5.1`, `2.42.0+ds`; null: no version. */
export function readVersion(text: string): PrometheusVersion | null {
  const [, major, minor] = /^v?(\d{1,4})\.(\d{1,4})(?:[.+-].{0,100})?$/.exec(text) ?? [];
  return major === undefined || minor === undefined ? null : { major: Number(major), minor: Number(minor) };
}

export function isAtLeast(version: PrometheusVersion, major: number, minor: number): boolean {
  return version.major > major || (version.major === major && version.minor >= minor);
}
