/** The command line of `explain`, checked and sorted out. */
import { InvalidInput } from '../errors.ts';
import type { AlertFact } from '../evidence/alert.ts';
import type { Reporter } from '../evidence/facts.ts';
import type { Question } from '../explain.ts';
import { clusterInfo, type SettingTexts } from '../policy/cluster-settings.ts';
import { looksLikeLabels, readAlertLabels } from './alert-labels.ts';
import { alertOf, clientNameOf, type LivePlan, livePlanOf, type RawLiveOptions, readSince } from './explain-live-options.ts';
import { REMEDY_FORMS, type RemedyForm } from './remedy-forms.ts';
import { readWorkloadName } from './workload-name.ts';

/** As commander hands them over. */
export interface RawOptions extends RawLiveOptions {
  readonly namespace?: string;
  readonly cluster?: readonly string[];
  readonly logs?: readonly string[];
  readonly metrics?: readonly string[];
  readonly alerts?: readonly string[];
  readonly auditLog?: readonly string[];
  readonly port?: string;
  readonly at?: string;
  readonly output?: 'text' | 'json' | 'yaml' | 'patch' | 'diff';
  readonly remedy?: string;
  readonly expires?: string;
  readonly forceGrant?: boolean;
  readonly defaultInboundPolicy?: string;
  readonly clusterNetworks?: string;
  readonly probeNetworks?: string;
  readonly trustDomain?: string;
  readonly clusterDomain?: string;
  readonly controlPlaneNamespace?: string;
}

/** What is to be read. */
export interface Plan {
  readonly cluster: readonly string[];
  readonly logs: readonly string[];
  /** `reporter` null: the pod was not named. */
  readonly metrics: readonly { readonly path: string; readonly reporter: Reporter | null }[];
  readonly alerts: readonly string[];
  /** Audit logs of the API server. */
  readonly audit: readonly string[];
}

export interface ExplainOptions {
  readonly plan: Plan;
  readonly live: LivePlan;
  /** A ServiceAccount whose denials are meant, wherever it met them; null: any client. */
  readonly client: string | null;
  /** An alert that the command line itself holds. */
  readonly alert: AlertFact | null;
  readonly question: Omit<Question, 'at'>;
  readonly at: string | null;
  readonly output: 'text' | 'json' | 'yaml';
  /** null: the whole answer. */
  readonly remedy: WantedRemedy | null;
  readonly forceGrant: boolean;
  readonly settings: SettingTexts;
}

/** One remedy alone. */
export interface WantedRemedy {
  readonly number: number;
  readonly form: RemedyForm;
  /** How long it is meant to last, in milliseconds; null: for good. */
  readonly lastsMs: number | null;
}

type IsFile = (path: string) => Promise<boolean>;

/** Errors: InvalidInput. */
export async function planOf(args: readonly string[], raw: RawOptions, isFile: IsFile): Promise<ExplainOptions> {
  const lists = listsOf(raw);
  refuseOptions(lists);
  const swallowed = args[0] === undefined ? await takeWorkload(lists, isFile) : null;
  const { cluster, logs, metrics, alerts, 'audit-log': audit } = swallowed?.lists ?? lists;
  const subject = subjectIn(args[0] ?? swallowed?.text, raw);
  const { namespace, workload } = subject.alert?.selects ?? {};
  return {
    plan: { cluster, logs, metrics: await Promise.all(metrics.map((spec) => metricsInput(spec, isFile))), alerts, audit },
    live: livePlanOf(raw, {
      cluster: cluster.length > 0,
      namespace: raw.namespace !== undefined,
      workload: subject.workload !== null,
    }),
    client: subject.client,
    alert: subject.alert,
    question: {
      namespace: namespaceOf(raw.namespace) ?? namespace ?? null,
      workload: subject.workload ?? workload ?? null,
      port: portOf(raw.port),
    },
    at: raw.at ?? null,
    ...outputOf(raw),
    forceGrant: raw.forceGrant === true,
    settings: settingsOf(raw),
  };
}

/** Errors: InvalidInput. */
function outputOf({ output, remedy, expires }: RawOptions): Pick<ExplainOptions, 'output' | 'remedy'> {
  if (remedy === undefined) {
    if (output === 'patch' || output === 'diff' || expires !== undefined)
      throw new InvalidInput(
        `${expires === undefined ? `-o ${output}` : '--expires'} is for one remedy.`,
        'Name it: --remedy 1. The answer without it shows their numbers.',
      );
    return { output: output ?? 'text', remedy: null };
  }
  const number = /^[1-9]\d{0,3}$/.test(remedy) ? Number(remedy) : null;
  if (number === null)
    throw new InvalidInput(`--remedy "${remedy}" is no number.`, 'Remedies are counted from 1, as the answer without --remedy shows.');
  if (output === 'text') throw new InvalidInput('--remedy prints no text.', `Take -o ${REMEDY_FORMS.join(', -o ')}.`);
  const lastsMs = expires === undefined ? null : readSince(expires, '--expires');
  return { output: 'text', remedy: { number, form: output ?? 'yaml', lastsMs } };
}

type Subject = Pick<ExplainOptions, 'client' | 'alert'> & Pick<Question, 'workload'>;

/** A server's workload, a client's ServiceAccount, or the labels of an alert. */
function subjectIn(text: string | undefined, raw: RawOptions): Subject {
  const given = { client: null, alert: alertOf(raw), workload: null };
  if (text === undefined) return given;
  if (looksLikeLabels(text)) {
    if (given.alert !== null) throw new InvalidInput('the labels of an alert are given twice.', 'Leave out one of them.');
    return { ...given, alert: readAlertLabels(text) };
  }
  const client = clientNameOf(text);
  return client === null ? { ...given, workload: readWorkloadName(text) } : { ...given, client };
}

type Lists = { readonly [K in 'cluster' | 'logs' | 'metrics' | 'alerts' | 'audit-log']: readonly string[] };

function listsOf({ cluster = [], logs = [], metrics = [], alerts = [], auditLog = [] }: RawOptions): Lists {
  return { cluster, logs, metrics, alerts, 'audit-log': auditLog };
}

/** `--cluster --logs x.log`: the first option took the second for its path. */
function refuseOptions(lists: Lists): void {
  for (const [name, paths] of Object.entries(lists)) {
    const option = paths.find((path) => path.startsWith('--'));
    if (option !== undefined)
      throw new InvalidInput(`--${name} needs a path, and ${option} stands there.`, 'A file of such a name is given as ./--NAME.');
  }
}

/** An option that takes several paths swallows the workload behind them: `--cluster dump.yaml deploy/backend`. */
async function takeWorkload(lists: Lists, isFile: IsFile): Promise<{ readonly lists: Lists; readonly text: string } | null> {
  for (const [name, paths] of Object.entries(lists)) {
    const text = paths.length > 1 ? paths.at(-1) : undefined;
    if (text === undefined || !looksLikeWorkload(text) || (await isFile(text))) continue;
    return { lists: { ...lists, [name]: paths.slice(0, -1) }, text };
  }
  return null;
}

/** What a controller appends to its pods' names. */
const POD_SUFFIX = /-(?:[a-z0-9]{5}|\d{1,4})$/;

function looksLikeWorkload(text: string): boolean {
  try {
    const { name } = readWorkloadName(text);
    return text.includes('/') ? name !== '' : POD_SUFFIX.test(name);
  } catch {
    return false;
  }
}

const NAME = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;

/** Errors: InvalidInput. */
export function namespaceOf(text: string | undefined): string | null {
  if (text === undefined) return null;
  if (NAME.test(text)) return text;
  throw new InvalidInput(
    `--namespace "${text}" is no name of a namespace.`,
    'Names are lower-case letters, digits and dashes: -n production.',
  );
}

function portOf(text: string | undefined): number | null {
  if (text === undefined) return null;
  const port = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  if (port >= 1 && port <= 65_535) return port;
  throw new InvalidInput(`--port "${text}" is no port.`, 'Give the number of the application’s port, from 1 to 65535.');
}

const METRICS_OF_POD = /^([a-z0-9-]{1,63})\/([a-z0-9.-]{1,253})=(.+)$/;

async function metricsInput(spec: string, isFile: IsFile): Promise<Plan['metrics'][number]> {
  const [, namespace, pod, path] = METRICS_OF_POD.exec(spec) ?? [];
  if (namespace === undefined || pod === undefined || path === undefined || (await isFile(spec))) return { path: spec, reporter: null };
  return { path, reporter: { cluster: '', namespace, pod, workload: null } };
}

const FLAGS = {
  defaultPolicy: 'defaultInboundPolicy',
  clusterNetworks: 'clusterNetworks',
  probeNetworks: 'probeNetworks',
  identityTrustDomain: 'trustDomain',
  clusterDomain: 'clusterDomain',
  controlPlaneNamespace: 'controlPlaneNamespace',
} as const;

const OPTION_NAMES: ReadonlyMap<string, string> = new Map([
  ['defaultPolicy', '--default-inbound-policy'],
  ['clusterNetworks', '--cluster-networks'],
  ['probeNetworks', '--probe-networks'],
  ['identityTrustDomain', '--trust-domain'],
  ['clusterDomain', '--cluster-domain'],
  ['controlPlaneNamespace', '--control-plane-namespace'],
]);

export type RawSettings = Pick<RawOptions, (typeof FLAGS)[keyof typeof FLAGS]>;

/** Errors: InvalidInput. */
export function settingsOf(raw: RawSettings): SettingTexts {
  const settings = Object.fromEntries(Object.entries(FLAGS).flatMap(([key, flag]) => (raw[flag] === undefined ? [] : [[key, raw[flag]]])));
  const [fault] = clusterInfo({ resources: [], flags: settings }).notices;
  if (fault !== undefined)
    throw new InvalidInput(
      `${fault.replace(/^flag: (\w+)/, (_, key: string) => OPTION_NAMES.get(key) ?? key).replace(' and is ignored', '')}.`,
      'Write it as Linkerd’s Helm values have it; lists are separated by commas.',
    );
  return settings;
}
