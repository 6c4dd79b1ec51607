/** Options of commands that ask a cluster, of files or live, spelled as kubectl spells them. */
import { Option, type Command as Subcommand } from 'commander';
import { InvalidInput } from '../errors.ts';
import type { SettingTexts } from '../policy/cluster-settings.ts';
import { namespaceOf, type RawSettings, settingsOf } from './explain-options.ts';

/** As commander hands them over. */
export interface RawClusterOptions extends RawSettings {
  readonly namespace?: string;
  readonly allNamespaces?: boolean;
  readonly context?: string;
  readonly kubeconfig?: string;
  readonly cluster?: readonly string[];
}

export interface ClusterOptions {
  /** null: the context's, or every one of the files. */
  readonly namespace: string | null;
  readonly allNamespaces: boolean;
  /** Empty: a live cluster is asked. */
  readonly paths: readonly string[];
  readonly context: string | null;
  readonly kubeconfig: string | null;
  readonly settings: SettingTexts;
}

/** Declares them on the subcommand. */
export function declareClusterOptions(subcommand: Subcommand): Subcommand {
  subcommand
    .option('-n, --namespace <name>', 'the namespace; that of the context where left out')
    .option('-A, --all-namespaces', 'every namespace')
    .option('--context <name>', 'context of the kubeconfig')
    .option('--kubeconfig <file>', 'the kubeconfig')
    .option('--cluster <path...>', 'objects instead of a live cluster: files, directories, - for stdin');
  return declareSettings(subcommand);
}

const SETTINGS = 'Settings of the cluster, where the objects do not say:';

/** Declares them on the subcommand, after another option: help shows groups in the order in which they begin. */
export function declareSettings(subcommand: Subcommand): Subcommand {
  const setting = (flags: string, meaning: string) => subcommand.addOption(new Option(flags, meaning).helpGroup(SETTINGS));
  setting('--default-inbound-policy <policy>', 'default policy, such as all-unauthenticated');
  setting('--cluster-networks <cidrs>', 'clusterNetworks, separated by commas');
  setting('--probe-networks <cidrs>', 'probeNetworks, separated by commas');
  setting('--trust-domain <domain>', 'identityTrustDomain, such as cluster.local');
  setting('--cluster-domain <domain>', 'clusterDomain, such as cluster.local');
  return setting('--control-plane-namespace <name>', 'namespace of the control plane, such as linkerd');
}

/** Errors: InvalidInput. */
export function clusterOptionsOf(raw: RawClusterOptions): ClusterOptions {
  const { allNamespaces = false, cluster: paths = [], context, kubeconfig } = raw;
  const option = paths.find((path) => path.startsWith('--'));
  if (option !== undefined)
    throw new InvalidInput(`--cluster needs a path, and ${option} stands there.`, 'A file of such a name is given as ./--NAME.');
  if (allNamespaces && raw.namespace !== undefined) throw new InvalidInput('-A and -n exclude each other.', 'Leave out one of them.');
  const live = context !== undefined ? '--context' : '--kubeconfig';
  if (paths.length > 0 && (context ?? kubeconfig) !== undefined)
    throw new InvalidInput(`${live} is about a live cluster, and --cluster names files.`, 'Leave out one of them.');
  return {
    namespace: namespaceOf(raw.namespace),
    allNamespaces,
    paths,
    context: context ?? null,
    kubeconfig: kubeconfig ?? null,
    settings: settingsOf(raw),
  };
}
