/** `denywhy explain`: a proxy's denials and a cluster's policy in, who was denied by which object and why out. */
import { stat } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { Option, type Command as Subcommand } from 'commander';
import { createManifestsCluster } from '../drivers/cluster-manifests.ts';
import { createInputs } from '../drivers/inputs.ts';
import { InvalidInput } from '../errors.ts';
import { denialOfAlert } from '../evidence/alert-denial.ts';
import { createTally } from '../evidence/tally.ts';
import { type Explanation, explain as explainCase, workloadsIn } from '../explain.ts';
import type { Inputs, Notice } from '../ports.ts';
import { type OpenCluster, openCluster } from './cluster-view.ts';
import type { Command, Io } from './command.ts';
import { showData } from './explain-data.ts';
import { type LogRead, readAlerts, readLog, readMetrics } from './explain-evidence.ts';
import { showPlace } from './explain-names.ts';
import { type ExplainOptions, type Plan, planOf, type RawOptions } from './explain-options.ts';
import { type Answer, showAnswer } from './explain-report.ts';
import { reporterOfFile, subjectOf } from './explain-subject.ts';
import { readMoment } from './moment.ts';

const EXAMPLES = `
Examples:
  $ kubectl logs -n shop deploy/cart -c linkerd-proxy --tail=-1 \\
      | denywhy explain -n shop deploy/cart --cluster dump.yaml
  $ denywhy explain --cluster policies/ --logs cart.log \\
      --metrics shop/cart-0=page.prom
  $ denywhy explain --cluster dump.yaml --alerts webhook.json

A cluster is any mix of files, directories and - (stdin): kubectl get -o yaml
or json, manifests, or a recorded history of watch events. docs/explain.md says
what to dump.
`;

export const explain: Command = {
  name: 'explain',
  register(subcommand) {
    subcommand
      .description('why were these requests denied, and which object did it')
      .argument('[workload]', 'whose log it is: deploy/NAME, sts/NAME, ds/NAME, job/NAME, po/NAME or the name of a pod')
      .option('-n, --namespace <name>', 'namespace of the workload')
      .option('--cluster <path...>', 'policy objects and pods: files, directories, - for stdin')
      .option('--logs <path...>', 'logs of proxies; stdin where left out')
      .option('--metrics <path...>', 'a proxy’s page (NAMESPACE/POD=FILE), a Prometheus answer, an OpenMetrics dump')
      .option('--alerts <path...>', 'bodies of Alertmanager’s webhook')
      .option('--port <number>', 'this port only')
      .option('--at <time>', 'the policy of that moment, where the cluster is a history')
      .addOption(new Option('-o, --output <form>', 'form of the answer').choices(['text', 'json', 'yaml']).default('text'))
      .option('--default-inbound-policy <policy>', 'cluster setting, where the objects do not say')
      .option('--cluster-networks <cidrs>', 'cluster setting, separated by commas')
      .option('--probe-networks <cidrs>', 'cluster setting, separated by commas')
      .option('--trust-domain <domain>', 'cluster setting')
      .option('--cluster-domain <domain>', 'cluster setting')
      .option('--control-plane-namespace <name>', 'cluster setting')
      .addHelpText('after', EXAMPLES);
  },
  async run(subcommand: Subcommand, io: Io) {
    const options = await planOf(subcommand.args, subcommand.opts<RawOptions>(), isFile);
    const answer = await answerOf(options, io);
    io.stdout.write(options.output === 'text' ? showAnswer(answer, options.question, io) : showData(answer, options.output));
    return 0;
  },
};

async function isFile(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}

async function answerOf(options: ExplainOptions, io: Io): Promise<Answer> {
  const inputs = createInputs({ stdin: io.stdin });
  const cluster = await readCluster(options, inputs);
  const plan = await withStdin(options.plan, io);
  const subject = subjectOf(options.question, cluster);
  const tally = createTally();
  const logs: LogRead[] = [];
  const inputOf = (path: string) => ({ path, reporter: reporterOfFile(path, subject, cluster) });
  for (const path of plan.logs) logs.push(await readLog(inputOf(path), inputs, tally));
  const metrics = plan.metrics.map(({ path, reporter }) => (reporter === null ? inputOf(path) : { path, reporter }));
  const notices: Notice[] = [...(await readMetrics(metrics, inputs, tally))];
  const { alerts, notices: alertNotices } = await readAlerts(plan.alerts, inputs);
  if (plan.metrics.length + plan.alerts.length === 0) refuseEmpty(logs);
  const question = { ...subject.question, at: momentOf(options, cluster, io) };
  if (question.at !== null && cluster?.end === null)
    notices.push({ where: '', message: '--at changes nothing here: these objects carry no times. A recorded history does.' });
  const ask = () => explainCase({ tally, cluster: cluster?.view ?? null, question, alerts });
  let explanation = ask();
  const unexplained = explanation.alerts.filter(({ clients }) => clients.length === 0).map(({ alert }) => denialOfAlert(alert));
  for (const denial of unexplained) if (denial !== null) tally.add(denial);
  if (unexplained.some((denial) => denial !== null)) explanation = ask();
  refuseUnplaced(explanation, cluster, plan);
  return {
    explanation,
    question,
    logs,
    notices: [...notices, ...alertNotices, ...(cluster?.notices ?? [])],
    settings: cluster?.settings ?? null,
  };
}

async function readCluster({ plan, question, settings }: ExplainOptions, inputs: Inputs): Promise<OpenCluster | null> {
  if (plan.cluster.length === 0) return null;
  const source = createManifestsCluster({ paths: plan.cluster, inputs, defaultNamespace: question.namespace ?? 'default' });
  return openCluster(await source.read(), settings);
}

function momentOf({ at }: ExplainOptions, cluster: OpenCluster | null, io: Io): number | null {
  return at === null ? null : readMoment(at, cluster?.end ?? io.now);
}

const PIPE = `Pipe a proxy's log into it, or name one:
kubectl logs -n NAMESPACE deploy/NAME -c linkerd-proxy --tail=-1 | denywhy explain --cluster dump.yaml
denywhy explain --help shows the other ways.`;

/** How long stdin may stay silent where other evidence was given: a pipe that nobody writes to is not to be waited for. */
const SILENCE_MS = 5000;

/** Logs come from stdin where nothing else is named; beside metrics or alerts, only if something comes. */
async function withStdin(plan: Plan, io: Io): Promise<Plan> {
  const others = plan.metrics.length + plan.alerts.length;
  const isTaken = plan.cluster.includes('-') || plan.alerts.includes('-') || plan.metrics.some(({ path }) => path === '-');
  if (plan.logs.length > 0) return plan;
  if (io.isTTY.stdin || isTaken) {
    if (others === 0) throw new InvalidInput('there is nothing to read.', PIPE);
    return plan;
  }
  return others === 0 || (await speaksUp(io.stdin, SILENCE_MS)) ? { ...plan, logs: ['-'] } : plan;
}

async function speaksUp(stdin: Readable, patience: number): Promise<boolean> {
  if (stdin.readableLength === 0 && !stdin.readableEnded) {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, patience);
      const stop = () => {
        clearTimeout(timer);
        resolve();
      };
      stdin.once('readable', stop).once('error', stop).once('end', stop);
    });
  }
  return stdin.readableLength > 0;
}

function refuseEmpty(logs: readonly LogRead[]): void {
  if (logs.every(({ stats }) => stats.lines === 0))
    throw new InvalidInput(`nothing came from ${logs.map((l) => l.name).join(', ')}.`, PIPE);
}

/** Where nothing at all can be placed there is no answer; what is left over beside an answer becomes a remark. */
function refuseUnplaced({ unplaced, clients }: Explanation, cluster: OpenCluster | null, plan: Plan): void {
  const [first] = unplaced;
  const placed = clients.some((c) => c.targets.some((t) => t.evaluation !== null));
  if (cluster === null || first === undefined || placed) return;
  const { fits, reporter, sources } = first;
  const isPage = plan.metrics.some(({ path }) => sources.includes(path));
  const what = reporter.namespace === null ? 'neither namespace nor pod' : 'no pod';
  const hasPods = workloadsIn(cluster.view.at(null)).length > 0;
  const fitting =
    fits.length === 0
      ? [
          hasPods
            ? 'No workload of this cluster has the Server and the routes that they name.'
            : 'The objects given hold no pods and no workloads: dump them too.',
        ]
      : [`They fit ${fits.length} workloads: ${fits.slice(0, 4).map(showPlace).join(', ')}${fits.length > 4 ? ', …' : ''}.`];
  throw new InvalidInput(
    isPage ? 'cannot tell which proxy counted this.' : 'cannot tell whose log this is.',
    [
      isPage
        ? `A proxy’s page names ${what}: ${sources.join(', ')}.`
        : `Proxy lines name ${what}, and ${sources.join(', ')} has no prefix.`,
      ...fitting,
      'Say so:  denywhy explain -n NAMESPACE deploy/NAME …',
      isPage ? 'or:      --metrics NAMESPACE/POD=FILE' : 'or:      kubectl logs --prefix …',
      ...(fits.length > 0 ? [] : cluster.notices.slice(0, 3)).map(({ where, message }) =>
        where === '' ? message : `${where}: ${message}`,
      ),
    ].join('\n'),
  );
}
