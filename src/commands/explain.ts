/** `denywhy explain`: a proxy's denials and a cluster's policy in, who was denied by which object and why out. */
import { stat } from 'node:fs/promises';
import { Option, type Command as Subcommand } from 'commander';
import { createManifestsCluster } from '../drivers/cluster-manifests.ts';
import { createInputs } from '../drivers/inputs.ts';
import { InvalidInput } from '../errors.ts';
import { denialOfAlert } from '../evidence/alert-denial.ts';
import { workloadsIn } from '../evidence/places.ts';
import { createTally } from '../evidence/tally.ts';
import { type Explanation, explain as explainCase } from '../explain.ts';
import type { ClusterRecord, Inputs, Notice } from '../ports.ts';
import { declareSettings } from './cluster-options.ts';
import { type OpenCluster, openCluster } from './cluster-view.ts';
import type { Command, Io } from './command.ts';
import { diagnosisPage } from './diagnosis-page.ts';
import { readAuditLogs } from './explain-audit.ts';
import { showData } from './explain-data.ts';
import { type LogRead, readAlerts, readLog, readMetrics } from './explain-evidence.ts';
import { follow } from './explain-follow.ts';
import { isLive, NOTHING_LIVE, onlyOf, questionOf, readLive } from './explain-live-answer.ts';
import { type LiveCluster, openLive } from './explain-live-open.ts';
import { showPlace } from './explain-names.ts';
import { type ExplainOptions, type Plan, planOf, type RawOptions, type WantedRemedy } from './explain-options.ts';
import { numberedRemedies } from './explain-remedies.ts';
import { chosenRemedy, showRemedy } from './explain-remedy.ts';
import { type Answer, showAnswer } from './explain-report.ts';
import { PIPE, withStdin } from './explain-stdin.ts';
import { reporterOfFile, subjectOf } from './explain-subject.ts';
import { readMoment } from './moment.ts';
import { REMEDY_FORMS } from './remedy-forms.ts';

const EXAMPLES = `
Examples:
  $ kubectl logs -n shop deploy/cart -c linkerd-proxy --tail=-1 \\
      | denywhy explain -n shop deploy/cart --cluster dump.yaml
  $ denywhy explain --cluster policies/ --logs cart.log \\
      --metrics shop/cart-0=page.prom
  $ denywhy explain --cluster dump.yaml --alerts webhook.json
Live, with the rights of your kubeconfig:
  $ denywhy explain -n shop deploy/cart
  $ denywhy explain -n shop sa/frontend --since 15m --context prod
  $ denywhy explain \\
      alertname=LinkerdRequestsDenied,namespace=shop,deployment=cart
  $ denywhy explain -n shop -l app=cart --follow

A cluster of --cluster is any mix of files, directories and - (stdin): kubectl
get -o yaml or json, manifests, or a recorded history of watch events.
docs/explain.md says what to dump, and what is read live.
`;

/** Exit code where nothing that would tell could be read. */
const UNAVAILABLE = 3;

export const explain: Command = {
  name: 'explain',
  register(subcommand) {
    subcommand
      .description('why were these requests denied, and which object did it')
      .argument(
        '[subject]',
        'who refused: deploy/NAME, sts/NAME, ds/NAME, job/NAME, po/NAME or a pod’s name; who was refused: sa/NAME; or an alert’s labels',
      )
      .option('-n, --namespace <name>', 'namespace of it; live, that of the context')
      .option('-A, --all-namespaces', 'live: of every namespace')
      .option('-l, --selector <labels>', 'live: only pods with these labels, as kubectl takes them')
      .option('--context <name>', 'live: context of the kubeconfig')
      .option('--kubeconfig <file>', 'live: the kubeconfig')
      .option('--since <duration>', 'live: how far back, such as 15m or 1h30m (1h where it is left out)')
      .option('--prometheus <url>', 'live: Prometheus; one that is found in the cluster is read by port-forward')
      .option('--bearer-token-file <file>', 'token for --prometheus')
      .option('-f, --follow', 'live: explain new denials as they come')
      .option('--alert <labels>', 'labels of an alert: alertname=…,namespace=…')
      .option('--cluster <path...>', 'policy objects and pods: files, directories, - for stdin')
      .option('--logs <path...>', 'logs of proxies; stdin where left out')
      .option('--metrics <path...>', 'a proxy’s page (NAMESPACE/POD=FILE), a Prometheus answer, an OpenMetrics dump')
      .option('--alerts <path...>', 'bodies of Alertmanager’s webhook')
      .option('--audit-log <path...>', 'audit logs of the API server: who changed what')
      .option('--port <number>', 'this port only')
      .option('--at <time>', 'the policy of that moment, where the cluster is a history')
      .option('--remedy <number>', 'print this remedy alone, for kubectl apply -f -')
      .option('--expires <duration>', 'with --remedy: a grant for a while, such as 4h')
      .option('--force-grant', 'offer a grant where the denial looks deliberate too')
      .addOption(
        new Option('-o, --output <form>', 'form of the answer: text, json, yaml; of a remedy: yaml, json, patch, diff').choices([
          'text',
          ...REMEDY_FORMS,
        ]),
      )
      .option('--id <diagnosis>', 'print the page of a diagnosis, and nothing else');
    declareSettings(subcommand).addHelpText('after', EXAMPLES);
  },
  async run(subcommand: Subcommand, io: Io) {
    const { id } = subcommand.opts<{ readonly id?: string }>();
    if (id !== undefined) {
      io.stdout.write(await diagnosisPage(id));
      return 0;
    }
    const options = await planOf(subcommand.args, subcommand.opts<RawOptions>(), isFile);
    const live = (await isLive(options, io)) ? openLive(options.live, options.question.namespace, io) : null;
    try {
      if (live !== null && options.live.follow) return await follow(live, options, io);
      const answer = await answerOf(options, live, io);
      if (options.remedy !== null) {
        io.stdout.write(remedyAlone(answer, options.remedy, io));
        return 0;
      }
      io.stdout.write(options.output === 'text' ? showAnswer(answer, answer.question, io) : showData(answer, options.output));
      return answer.isBlind === true && answer.explanation.clients.length === 0 ? UNAVAILABLE : 0;
    } finally {
      live?.close();
    }
  },
};

function remedyAlone({ explanation }: Answer, { number, form, lastsMs }: WantedRemedy, { now }: Io): string {
  const remedy = chosenRemedy(numberedRemedies(explanation), number);
  return showRemedy(remedy, form, lastsMs === null ? null : now + lastsMs);
}

async function isFile(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}

async function answerOf(options: ExplainOptions, live: LiveCluster | null, io: Io): Promise<Answer> {
  const inputs = createInputs({ stdin: io.stdin });
  const record = live === null ? await readFiles(options, inputs) : await live.cluster.read();
  // What could not be read of a live cluster stands among its sources.
  const cluster = record === null ? null : openCluster(live === null ? record : { ...record, notices: [] }, options.settings);
  const plan = live === null ? await withStdin(options.plan, io, options.alert !== null) : options.plan;
  const subject = subjectOf(live === null ? options.question : questionOf(options, live.namespace), cluster);
  const tally = createTally();
  const logs: LogRead[] = [];
  const inputOf = (path: string) => ({ path, reporter: reporterOfFile(path, subject, cluster) });
  for (const path of plan.logs) logs.push(await readLog(inputOf(path), inputs, tally));
  const metrics = plan.metrics.map(({ path, reporter }) => (reporter === null ? inputOf(path) : { path, reporter }));
  const notices: Notice[] = [...(await readMetrics(metrics, inputs, tally))];
  const gathered =
    live === null || record === null
      ? NOTHING_LIVE
      : await readLive(live, record, { ...subject.question, ...options.live }, plan, io, tally);
  const { alerts: fromFiles, notices: alertNotices } = await readAlerts(plan.alerts, inputs);
  const { trail: audit, notices: auditNotices } = await readAuditLogs(plan.audit, inputs);
  const alerts = options.alert === null ? fromFiles : [options.alert, ...fromFiles];
  if (live === null && plan.metrics.length + alerts.length === 0) refuseEmpty(logs);
  const question = { ...subject.question, at: momentOf(options, cluster, io) };
  if (question.at !== null && cluster?.end === null)
    notices.push({ where: '', message: '--at changes nothing here: these objects carry no times. A recorded history does.' });
  const remedies = { files: record?.files ?? new Map(), forceGrant: options.forceGrant };
  const ask = () =>
    onlyOf(explainCase({ tally, cluster: cluster?.view ?? null, question, alerts, audit, remedies }), options.client, question.namespace);
  let explanation = ask();
  const unexplained = explanation.alerts.filter(({ clients }) => clients.length === 0).map(({ alert }) => denialOfAlert(alert));
  for (const denial of unexplained) if (denial !== null) tally.add(denial);
  if (unexplained.some((denial) => denial !== null)) explanation = ask();
  if (live === null) refuseUnplaced(explanation, cluster, plan);
  return {
    explanation,
    question,
    logs: [...logs, ...gathered.logs],
    sources: gathered.sources,
    isBlind: gathered.isBlind,
    notices: [...notices, ...alertNotices, ...auditNotices, ...(cluster?.notices ?? [])],
    settings: cluster?.settings ?? null,
  };
}

async function readFiles({ plan, question }: ExplainOptions, inputs: Inputs): Promise<ClusterRecord | null> {
  if (plan.cluster.length === 0) return null;
  return createManifestsCluster({ paths: plan.cluster, inputs, defaultNamespace: question.namespace ?? 'default' }).read();
}

function momentOf({ at }: ExplainOptions, cluster: OpenCluster | null, io: Io): number | null {
  return at === null ? null : readMoment(at, cluster?.end ?? io.now);
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
