/** Whether the proxies write their denials into the log, and in which form. */
import { plainName } from '../evidence/plain-name.ts';
import { memo } from '../policy/memo.ts';
import { listOf } from '../policy/reading.ts';
import { isObject } from '../policy/selector.ts';
import { resourcesOfKind, type Snapshot } from '../policy/snapshot.ts';
import type { Workload } from '../policy/workload.ts';
import { type CheckLine, count, line, some } from './check-line.ts';
import { proxyPods } from './check-linkerd.ts';

const LEVEL = { annotation: 'config.linkerd.io/proxy-log-level', variable: 'LINKERD2_PROXY_LOG', value: 'logLevel' } as const;
const FORMAT = { annotation: 'config.linkerd.io/proxy-log-format', variable: 'LINKERD2_PROXY_LOG_FORMAT', value: 'logFormat' } as const;
/** Those of the Helm chart. */
const DEFAULTS = { level: 'warn,linkerd=info,hickory=error', format: 'plain' } as const;
/** Who writes `Request denied` and `Connection denied`, at INFO. */
const TARGET = 'linkerd_app_inbound::policy::http';

export function checkLogs(snapshot: Snapshot): readonly CheckLine[] {
  const pods = proxyPods(snapshot);
  if (pods.length === 0) return [];
  const chart = chartOf(snapshot);
  const silent = pods.filter((pod) => !logsDenials(snapshot, pod));
  const formats = Map.groupBy(pods, (pod) => settingOf(pod, FORMAT) ?? chart(FORMAT.value) ?? DEFAULTS.format);
  const [first] = silent;
  const level =
    first === undefined
      ? line('seeing denials', 'log-level', 'ok', `${count(pods.length, 'proxy logs', 'proxies log')} denials`)
      : line(
          'seeing denials',
          'log-level',
          'failed',
          `${silent.length} of ${count(pods.length, 'proxy', 'proxies')} log no denials: ${some(silent.map(({ ref }) => `${ref.namespace}/${ref.name}`))}`,
          `annotation ${LEVEL.annotation}: ${DEFAULTS.level}, and restart`,
          `at once, until it restarts: kubectl port-forward -n ${plainName(first.ref.namespace, 'NAMESPACE')} ${plainName(first.ref.name, 'POD')} 4191 & curl -X PUT --data 'linkerd=info,warn' localhost:4191/proxy-log-level`,
        );
  const shown = [...formats].map(([format, of]) => `${of.length} ${format}`);
  return [level, line('seeing denials', 'log-format', 'ok', `log format: ${some(shown)} (both are read)`)];
}

export function logsDenials(snapshot: Snapshot, pod: Workload): boolean {
  return showsInfo(settingOf(pod, LEVEL) ?? chartOf(snapshot)(LEVEL.value) ?? DEFAULTS.level);
}

/** What the pod itself says: its container's environment, else its annotation. */
function settingOf(
  { resource }: Workload,
  { annotation, variable }: { readonly annotation: string; readonly variable: string },
): string | null {
  const spec = isObject(resource.spec) ? resource.spec : {};
  const containers = [...listOf(spec['initContainers']), ...listOf(spec['containers'])].filter(isObject);
  const env = listOf(containers.find(({ name }) => name === 'linkerd-proxy')?.['env']).filter(isObject);
  const value = env.find(({ name }) => name === variable)?.['value'];
  if (typeof value === 'string') return value;
  const annotations = resource.metadata.annotations ?? {};
  return Object.hasOwn(annotations, annotation) ? (annotations[annotation] ?? null) : null;
}

/** `proxy.NAME` of the Helm values, as far as one line tells. */
const chartOf = memo((snapshot: Snapshot): ((name: string) => string | null) => {
  const { controlPlaneNamespace } = snapshot.info;
  const data = resourcesOfKind(snapshot, '', 'ConfigMap', controlPlaneNamespace).get('linkerd-config')?.data;
  const values = isObject(data) ? data['values'] : null;
  const proxy = typeof values === 'string' ? (/^proxy:\n((?:[ \t]+.*\n|\n)*)/m.exec(`${values}\n`)?.[1] ?? '') : '';
  return (name) => new RegExp(`^[ \\t]+${name}: *"?([^"\\n]+)"?$`, 'm').exec(proxy)?.[1]?.trim() ?? null;
});

const VERBOSITY = ['off', 'error', 'warn', 'info', 'debug', 'trace'];

/**
 * Whether the filter lets INFO of the policy through (`tracing-subscriber`, EnvFilter): the directive with the longest target that begins the
 * module's name decides. Directives about spans are left out.
 */
export function showsInfo(filter: string): boolean {
  let best = { length: -1, level: 'off' };
  for (const directive of filter.split(',').map((text) => text.trim().toLowerCase())) {
    if (directive === '' || directive.includes('[')) continue;
    const [target = '', level = 'trace'] = VERBOSITY.includes(directive) ? ['', directive] : directive.split('=');
    if (TARGET.startsWith(target) && target.length >= best.length) best = { length: target.length, level };
  }
  return VERBOSITY.indexOf(best.level) >= VERBOSITY.indexOf('info');
}
