/** The command line of `rules`, checked. */

import type { RuleMetadata } from '../alerting/manifest.ts';
import { LINKERD_VIZ, type PrometheusVersion, podMonitor, readVersion, type Scrape } from '../alerting/settings.ts';
import { InvalidInput } from '../errors.ts';

/** As commander hands them over. */
export interface RawRulesOptions {
  readonly output: 'yaml' | 'rules' | 'tests';
  readonly write?: string;
  readonly namespace: string;
  readonly name: string;
  readonly label?: readonly string[];
  readonly release?: string;
  readonly cluster?: readonly string[];
  readonly prometheus?: string;
  readonly bearerTokenFile?: string;
  readonly check?: boolean;
  readonly tuning?: string;
  readonly scrape?: 'linkerd-viz' | 'podmonitor';
  readonly controlPlaneNamespace: string;
  readonly job?: readonly string[];
  readonly prometheusVersion?: string;
}

/** RFC 1123, as the API server wants names of objects and namespaces. */
const NAME = /^[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?$/;
const NAMESPACE = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;
/** A label's key, with its prefix, and its value. */
const LABEL_KEY = /^(?:[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?\/)?[A-Za-z0-9](?:[A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$/;
const LABEL_VALUE = /^(?:[A-Za-z0-9](?:[A-Za-z0-9._-]{0,61}[A-Za-z0-9])?)?$/;

/** Name, namespace and labels of the PrometheusRule. Errors: InvalidInput. */
export function metadataOf({ name, namespace, label, release }: RawRulesOptions): RuleMetadata {
  if (!NAME.test(name)) throw new InvalidInput(`--name "${name}" is no name of an object.`, 'Lower-case letters, digits, dots and dashes.');
  if (!NAMESPACE.test(namespace))
    throw new InvalidInput(`--namespace "${namespace}" is no name of a namespace.`, 'Lower-case letters, digits and dashes.');
  const pairs = [...(label ?? []), ...(release === undefined ? [] : [`release=${release}`])].map(labelOf);
  return { name, namespace, labels: Object.fromEntries([['app.kubernetes.io/name', 'denywhy'], ...pairs]) };
}

function labelOf(pair: string): readonly [key: string, value: string] {
  const at = pair.indexOf('=');
  const [key, value] = [pair.slice(0, Math.max(0, at)), pair.slice(at + 1)];
  if (at > 0 && LABEL_KEY.test(key) && LABEL_VALUE.test(value)) return [key, value];
  throw new InvalidInput(`"${pair}" is no label.`, 'Write KEY=VALUE: --label release=kube-prometheus-stack.');
}

export function scrapeOf({ scrape, controlPlaneNamespace, job }: RawRulesOptions, learned: Scrape): Scrape {
  const named = scrape === 'podmonitor' ? podMonitor(controlPlaneNamespace) : scrape === 'linkerd-viz' ? LINKERD_VIZ : learned;
  const [first, ...more] = job ?? [];
  return first === undefined ? named : { ...named, jobs: [first, ...more] };
}

/** null: not given. Errors: InvalidInput. */
export function versionOf({ prometheusVersion }: RawRulesOptions): PrometheusVersion | null {
  if (prometheusVersion === undefined) return null;
  const version = readVersion(prometheusVersion);
  if (version === null) throw new InvalidInput(`--prometheus-version "${prometheusVersion}" is no version.`, 'Write 2.42 or 3.5.1.');
  return version;
}
