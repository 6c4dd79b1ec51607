/** The part of `explain`'s command line that is about a live cluster. */
import { InvalidInput } from '../errors.ts';
import type { AlertFact } from '../evidence/alert.ts';
import { goDuration } from '../policy/go-duration.ts';
import type { Selector } from '../policy/selector.ts';
import { readAlertLabels } from './alert-labels.ts';
import { selectorOf } from './label-selector.ts';

/** As commander hands them over. */
export interface RawLiveOptions {
  readonly since?: string;
  readonly context?: string;
  readonly kubeconfig?: string;
  readonly prometheus?: string;
  readonly bearerTokenFile?: string;
  readonly allNamespaces?: boolean;
  readonly selector?: string;
  readonly follow?: boolean;
  readonly alert?: string;
}

export interface LivePlan {
  /** False: the command line does not say whether a cluster or stdin is meant. */
  readonly isAsked: boolean;
  /** null: the current one. */
  readonly context: string | null;
  /** null: KUBECONFIG, ~/.kube/config, or the pod's own account. */
  readonly kubeconfig: string | null;
  /** Address of Prometheus; null: none was given. */
  readonly prometheus: string | null;
  /** Token for it. */
  readonly bearerTokenFile: string | null;
  readonly allNamespaces: boolean;
  /** Of the labels of the pods that refused; null: all of them. */
  readonly selector?: Selector | null;
  /** Milliseconds. */
  readonly since: number;
  readonly follow: boolean;
}

const HOUR = 3_600_000;
const LONGEST = 30 * 24 * HOUR;

/** Errors: InvalidInput. */
export function livePlanOf(
  raw: RawLiveOptions,
  others: { readonly cluster: boolean; readonly namespace: boolean; readonly workload: boolean },
): LivePlan {
  const { context, kubeconfig, prometheus, since, follow = false, allNamespaces = false } = raw;
  const given = [
    ['--context', context],
    ['--kubeconfig', kubeconfig],
    ['--prometheus', prometheus],
    ['--since', since],
    ['--follow', follow || undefined],
    ['--all-namespaces', allNamespaces || undefined],
    ['--selector', raw.selector],
  ].flatMap(([option, value]) => (value === undefined ? [] : [String(option)]));
  if (others.cluster && given[0] !== undefined)
    throw new InvalidInput(
      `${given[0]} is about a live cluster, and --cluster names files.`,
      'Leave out one of them. Of files, --at names the moment and --logs the log.',
    );
  if (allNamespaces && others.namespace) throw new InvalidInput('-A and -n exclude each other.', 'Leave out one of them.');
  return {
    isAsked: given.length > 0,
    context: context ?? null,
    kubeconfig: kubeconfig ?? null,
    prometheus: prometheus ?? null,
    bearerTokenFile: raw.bearerTokenFile ?? null,
    allNamespaces,
    selector: selectorOf(raw.selector, others.workload),
    since: since === undefined ? HOUR : readSince(since),
    follow,
  };
}

/** A duration as kubectl takes it (`15m`, `1h30m`), or days (`2d`), in milliseconds. Errors: InvalidInput. */
export function readSince(text: string, option = '--since'): number {
  const days = /^(\d{1,2})d$/.exec(text)?.[1];
  const read = days === undefined ? goDuration(text) : { negative: false, nanoseconds: BigInt(days) * 86_400_000_000_000n };
  const milliseconds = read === null || read.negative ? Number.NaN : Number(read.nanoseconds / 1_000_000n);
  if (milliseconds >= 1000 && milliseconds <= LONGEST) return milliseconds;
  throw new InvalidInput(`${option} "${text}" is no stretch of time up to 30 days.`, 'Write it as kubectl does: 15m, 1h, 1h30m; or 2d.');
}

/** `sa/NAME`: the client is meant, not the server. null: it is something else. Errors: InvalidInput. */
export function clientNameOf(text: string): string | null {
  const [, name] = /^(?:sa|serviceaccounts?)\/(.*)$/i.exec(text) ?? [];
  if (name === undefined) return null;
  if (/^[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?$/.test(name)) return name;
  throw new InvalidInput(`"${text}" is no name of a ServiceAccount.`, 'Give it as kubectl does: sa/NAME.');
}

/** Errors: InvalidInput. */
export function alertOf(raw: RawLiveOptions): AlertFact | null {
  return raw.alert === undefined ? null : readAlertLabels(raw.alert);
}
