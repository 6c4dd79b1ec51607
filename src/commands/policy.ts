/** `denywhy policy`: what is enforced on each port, by which object, for whom, and from where the default comes. */
import { stat } from 'node:fs/promises';
import { Option } from 'commander';
import { createManifestsCluster } from '../drivers/cluster-manifests.ts';
import { createInputs } from '../drivers/inputs.ts';
import { InvalidInput } from '../errors.ts';
import { showYaml } from '../manifests/yaml-show.ts';
import type { Snapshot } from '../policy/snapshot.ts';
import type { ClusterRecord, Inputs, Notice } from '../ports.ts';
import type { PostureWorkload } from '../posture/practice.ts';
import { declareClusterOptions } from './cluster-options.ts';
import { type OpenCluster, openCluster } from './cluster-view.ts';
import type { Command, Io } from './command.ts';
import { showJson } from './explain-data.ts';
import { type LiveCluster, openLive } from './explain-live-open.ts';
import { subjectOf } from './explain-subject.ts';
import { readMoment } from './moment.ts';
import { compareData, compareWith, readDiagnostics, showCompared } from './policy-compare.ts';
import { policyData } from './policy-data.ts';
import { type PolicyOptions, policyOptionsOf, type RawPolicyOptions } from './policy-options.ts';
import { type PolicyStyle, showPolicyTable, showWorkloadPolicy } from './policy-text.ts';
import { workloadPolicies } from './policy-workloads.ts';
import { createPalette, safe, wantsColor } from './terminal.ts';

const EXAMPLES = `
Examples:
  $ denywhy policy -n production
  $ denywhy policy -n production deploy/backend
  $ denywhy policy -A -l app=backend
  $ denywhy policy -n production po/backend-756f7c997f-2588f:8080 -o wide
  $ denywhy policy -n production deploy/backend --cluster dump.yaml -o json
  $ linkerd diagnostics policy -n shop po/cart-0 8080 -o json \\
      | denywhy policy -n shop po/cart-0:8080 --compare -

Exit codes: 0 answered, 1 --compare found a difference, 2 the command line or
the input is wrong, 3 the cluster is unavailable. docs/policy.md explains the
answer.
`;

export const policy: Command = {
  name: 'policy',
  register(subcommand) {
    subcommand
      .description('what is enforced on each port, by which object, and for whom')
      .argument('[workload]', 'deploy/NAME, sts/NAME, pod/NAME, …, also with a port: deploy/NAME:8080');
    declareClusterOptions(subcommand)
      .option('-l, --selector <labels>', 'only pods with these labels, as kubectl takes them')
      .option('--at <time>', 'the policy of that moment, where --cluster is a history')
      .option('--compare <file>', 'output of linkerd diagnostics policy: say where declared is not enforced')
      .addOption(new Option('-o, --output <form>', 'form of the answer').choices(['text', 'wide', 'json', 'yaml']).default('text'))
      .addHelpText('after', EXAMPLES);
  },
  async run(subcommand, io) {
    const options = await policyOptionsOf(subcommand.args, subcommand.opts<RawPolicyOptions>(), isFile);
    const { paths, namespace, context, kubeconfig } = options.cluster;
    const inputs = createInputs({ stdin: io.stdin });
    const live = paths.length > 0 ? null : openLive({ ...NO_LIVE_PLAN, context, kubeconfig }, namespace, io);
    try {
      const record = live === null ? await readFiles(paths, namespace, inputs) : await live.cluster.read();
      return await answer(options, openCluster(record, options.cluster.settings), live, inputs, io);
    } finally {
      live?.close();
    }
  },
};

const NO_LIVE_PLAN = {
  isAsked: true,
  prometheus: null,
  bearerTokenFile: null,
  allNamespaces: false,
  since: 0,
  follow: false,
};

function isFile(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}

function readFiles(paths: readonly string[], namespace: string | null, inputs: Inputs): Promise<ClusterRecord> {
  return createManifestsCluster({ paths, inputs, defaultNamespace: namespace ?? 'default' }).read();
}

async function answer(options: PolicyOptions, cluster: OpenCluster, live: LiveCluster | null, inputs: Inputs, io: Io): Promise<number> {
  const at = options.at === null ? null : readMoment(options.at, cluster.end ?? io.now);
  const snapshot = cluster.view.at(at);
  const workloads = workloadsAsked(options, cluster, live, snapshot);
  if (options.compare !== null) return compare(options, snapshot, workloads, inputs, io);
  const notices = at !== null && cluster.end === null ? [...cluster.notices, NO_TIMES] : cluster.notices;
  const origin = cluster.settings.origins.defaultPolicy;
  if (options.output === 'json' || options.output === 'yaml') {
    const data = policyData(snapshot, workloads, notices, origin);
    io.stdout.write(options.output === 'json' ? showJson(data) : showYaml(data));
    return 0;
  }
  const style: PolicyStyle = {
    columns: Math.max(io.columns, WIDTH),
    palette: createPalette(wantsColor(io.isTTY.stdout, io.env)),
    isWide: options.output === 'wide',
    defaultOrigin: origin,
  };
  const lines =
    options.workload === null
      ? showPolicyTable(snapshot, workloads, style)
      : workloads.flatMap((workload, i) => [...(i === 0 ? [] : ['']), ...showWorkloadPolicy(snapshot, workload, style)]);
  io.stdout.write(`${lines.join('\n')}\n`);
  say(notices, io);
  return 0;
}

/** Of a table. */
const WIDTH = 100;
const NO_TIMES: Notice = { where: '', message: '--at changes nothing here: these objects carry no times. A recorded history does.' };

function workloadsAsked(
  { workload, port, selector, cluster: asked }: PolicyOptions,
  cluster: OpenCluster,
  live: LiveCluster | null,
  snapshot: Snapshot,
): readonly PostureWorkload[] {
  const given = asked.namespace ?? (asked.allNamespaces ? null : (live?.namespace ?? null));
  const { question } = subjectOf({ namespace: given, workload, port }, cluster);
  const found = workloadPolicies(snapshot, { ...question, selector });
  if (found.length > 0) return found;
  const where = question.namespace === null ? 'this cluster' : `namespace ${question.namespace}`;
  const labelled = selector === null ? '' : ' that --selector selects';
  const what = workload === null ? `no pods and no workloads${labelled}` : `no ${workload.kind} ${workload.name}`;
  const remedy =
    live === null
      ? 'Is it in the dump, at that time? -A shows every namespace.'
      : 'kubectl get pods -A shows where it is; name it with -n.';
  throw new InvalidInput(`there are ${what} in ${where}.`.replace('are no P', 'is no P'), remedy);
}

async function compare(
  { compare: file, port, output }: PolicyOptions,
  snapshot: Snapshot,
  workloads: readonly PostureWorkload[],
  inputs: Inputs,
  io: Io,
): Promise<number> {
  if (file === null || port === null) throw new Error('nothing to compare with');
  const enforced = readDiagnostics(await inputs.text(file), file);
  const compared = workloads.flatMap((workload) => compareWith(snapshot, workload, port, enforced));
  if (compared.length === 0)
    throw new InvalidInput('no pod of it has a proxy, so nothing is enforced there.', 'Name the pod that the file is about.');
  if (output === 'json') io.stdout.write(showJson(compareData(compared)));
  else if (output === 'yaml') io.stdout.write(showYaml(compareData(compared)));
  else {
    const palette = createPalette(wantsColor(io.isTTY.stdout, io.env));
    io.stdout.write(`${showCompared(compared, io.columns, palette).join('\n')}\n`);
  }
  return compared.every(({ differences }) => differences.length === 0) ? 0 : 1;
}

function say(notices: readonly Notice[], io: Io): void {
  for (const { where, message } of notices) io.stderr.write(`denywhy: ${safe(where === '' ? message : `${where}: ${message}`)}\n`);
}
