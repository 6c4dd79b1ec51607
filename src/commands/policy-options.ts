/** The command line of `policy`, checked. */
import { InvalidInput } from '../errors.ts';
import type { Selector } from '../policy/selector.ts';
import { type ClusterOptions, clusterOptionsOf, type RawClusterOptions } from './cluster-options.ts';
import { selectorOf } from './label-selector.ts';
import { readWorkloadName, type WorkloadName } from './workload-name.ts';

/** As commander hands them over. */
export interface RawPolicyOptions extends RawClusterOptions {
  readonly output: 'text' | 'wide' | 'json' | 'yaml';
  readonly compare?: string;
  readonly at?: string;
  readonly selector?: string;
}

export interface PolicyOptions {
  readonly cluster: ClusterOptions;
  /** null: every workload. */
  readonly workload: WorkloadName | null;
  readonly port: number | null;
  /** A file, or `-`. */
  readonly compare: string | null;
  readonly at: string | null;
  /** Of the pods' labels; null: all of them. */
  readonly selector: Selector | null;
  readonly output: RawPolicyOptions['output'];
}

/** Errors: InvalidInput. */
export async function policyOptionsOf(
  args: readonly string[],
  raw: RawPolicyOptions,
  isFile: (path: string) => Promise<boolean>,
): Promise<PolicyOptions> {
  const [cluster, swallowed] = await withoutSubject(args, raw, isFile);
  const text = args[0] ?? swallowed;
  const subject = text === null ? { workload: null, port: null } : readSubject(text);
  if (raw.compare !== undefined && subject.port === null)
    throw new InvalidInput(
      '--compare needs to know whose port it is about: the file does not say.',
      'Name the one that linkerd diagnostics policy was asked for:\ndenywhy policy -n NAMESPACE po/NAME:PORT --compare FILE',
    );
  if (raw.compare === '-' && cluster.paths.includes('-'))
    throw new InvalidInput('stdin cannot be the cluster and what it is compared with.', 'Put one of them into a file.');
  const selector = selectorOf(raw.selector, subject.workload !== null);
  return { cluster, ...subject, selector, compare: raw.compare ?? null, at: raw.at ?? null, output: raw.output };
}

/** `--cluster dump.yaml deploy/backend`: the option that takes several paths has swallowed the workload. */
async function withoutSubject(
  args: readonly string[],
  raw: RawPolicyOptions,
  isFile: (path: string) => Promise<boolean>,
): Promise<readonly [ClusterOptions, string | null]> {
  const options = clusterOptionsOf(raw);
  const last = options.paths.length > 1 && args[0] === undefined ? options.paths.at(-1) : undefined;
  if (last === undefined || !isSubject(last) || (await isFile(last))) return [options, null];
  return [{ ...options, paths: options.paths.slice(0, -1) }, last];
}

function isSubject(text: string): boolean {
  try {
    return text.includes('/') && readSubject(text).workload.name !== '';
  } catch {
    return false;
  }
}

/** `deploy/backend`, `po/backend-0:8080`. Errors: InvalidInput. */
function readSubject(text: string): { readonly workload: WorkloadName; readonly port: number | null } {
  const [, name = text, digits] = /^(.*):([^:]*)$/.exec(text) ?? [];
  const workload = readWorkloadName(name);
  if (digits === undefined) return { workload, port: null };
  const port = /^\d{1,5}$/.test(digits) ? Number(digits) : 0;
  if (port >= 1 && port <= 65_535) return { workload, port };
  throw new InvalidInput(`"${digits}" is no port.`, 'Give the number of the port, from 1 to 65535: deploy/backend:8080.');
}
