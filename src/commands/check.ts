/** `denywhy check`: is everything there that denywhy needs to see denials and to be right about them? */
import { Option } from 'commander';
import { createClusterList } from '../drivers/cluster-kubernetes-list.ts';
import { createManifestsCluster } from '../drivers/cluster-manifests.ts';
import { createInputs } from '../drivers/inputs.ts';
import { KubernetesRefusal } from '../drivers/kubernetes-faults.ts';
import { readServed } from '../drivers/kubernetes-rights.ts';
import { Unavailable } from '../errors.ts';
import { stateAt } from '../manifests/history.ts';
import type { ClusterRecord } from '../ports.ts';
import { checkAlertmanagers, checkRules, checkScrapes } from '../posture/check-alerting.ts';
import { checkGrants } from '../posture/check-grants.ts';
import type { CheckLine } from '../posture/check-line.ts';
import { checkLinkerd } from '../posture/check-linkerd.ts';
import { checkLogs } from '../posture/check-logs.ts';
import { checkNetwork } from '../posture/check-network.ts';
import { checkRights, checkStore } from '../posture/check-rights.ts';
import { alertingFacts, rightsOf, storeFact } from './check-facts.ts';
import { type ClusterOptions, clusterOptionsOf, declareClusterOptions, type RawClusterOptions } from './cluster-options.ts';
import { openCluster } from './cluster-view.ts';
import type { Command, Io } from './command.ts';
import { showJson } from './explain-data.ts';
import { type LiveCluster, openLive, openPrometheusAt } from './explain-live-open.ts';
import { createPalette, type Palette, safe, wantsColor, wrap } from './terminal.ts';

interface RawCheckOptions extends RawClusterOptions {
  readonly prometheus?: string;
  readonly bearerTokenFile?: string;
  readonly config?: string;
  readonly output: 'text' | 'json';
}

const EXAMPLES = `
Examples:
  $ denywhy check
  $ denywhy check --context prod --prometheus http://localhost:9090
  $ denywhy check --config denywhy.yaml
  $ denywhy check --cluster dump.yaml -o json

Marks: ✓ good, ✗ not, ? what was read does not tell. Exit codes: 0 nothing is
✗, 1 something is, 2 the command line or the input is wrong, 3 the cluster is
unavailable. docs/check.md explains each line.
`;

export const check: Command = {
  name: 'check',
  register(subcommand) {
    subcommand.description('is all there that denywhy needs to see denials, and to be right about them');
    declareClusterOptions(subcommand)
      .option('--prometheus <url>', 'Prometheus; one that is found in the cluster is read by port-forward')
      .option('--bearer-token-file <file>', 'token for --prometheus')
      .option('--config <file>', 'configuration of the service, whose store is looked at')
      .addOption(new Option('-o, --output <form>', 'form of the answer').choices(['text', 'json']).default('text'))
      .addHelpText('after', EXAMPLES);
  },
  async run(subcommand, io) {
    const raw = subcommand.opts<RawCheckOptions>();
    const options = clusterOptionsOf(raw);
    const live = options.paths.length > 0 ? null : openLive(livePlan(raw), options.namespace, io);
    try {
      const lines = await linesOf(raw, options, live, io);
      const palette = createPalette(wantsColor(io.isTTY.stdout, io.env));
      const place = live === null ? options.paths.join(', ') : live.place;
      io.stdout.write(raw.output === 'json' ? showJson({ form: 'denywhy.check/1', lines }) : showLines(lines, place, io.columns, palette));
      return lines.some(({ mark }) => mark === 'failed') ? 1 : 0;
    } finally {
      live?.close();
    }
  },
};

function livePlan({ context, kubeconfig, prometheus, bearerTokenFile }: RawCheckOptions): Parameters<typeof openLive>[0] {
  return {
    isAsked: true,
    context: context ?? null,
    kubeconfig: kubeconfig ?? null,
    prometheus: prometheus ?? null,
    bearerTokenFile: bearerTokenFile ?? null,
    allNamespaces: true,
    since: 0,
    follow: false,
  };
}

async function linesOf(raw: RawCheckOptions, options: ClusterOptions, live: LiveCluster | null, io: Io): Promise<readonly CheckLine[]> {
  const { namespace, paths, settings: flags } = options;
  const scope = namespace === null ? 'in every namespace' : `in namespace ${namespace}`;
  const record =
    live === null
      ? await readFiles(paths, io)
      : await createClusterList(live.client, namespace ?? live.namespace, true)
          .read()
          .catch(forbidden);
  if (record === null) {
    const rights = live === null ? null : await rightsOf(live.client, namespace ?? '');
    return [...checkRights(rights, scope), checkStore(await storeFact(raw.config ?? null, io))];
  }
  const { view, settings, end } = openCluster(record, flags);
  const snapshot = view.at(null);
  const resources = stateAt(record.changes, null);
  const [served, rights, store] = await Promise.all([
    live === null ? null : readServed(live.client).catch(none),
    live === null ? null : rightsOf(live.client, namespace ?? ''),
    storeFact(raw.config ?? null, io),
  ]);
  const upstream = live === null ? await givenPrometheus(raw) : await live.openUpstream(resources);
  try {
    const alerting = { snapshot, ...(await alertingFacts(upstream, resources)) };
    const isWhole = live !== null && record.notices.length === 0;
    return [
      ...checkLinkerd({ snapshot, settings, served, isWhole }),
      ...checkGrants(resources, end ?? io.now),
      checkNetwork(snapshot, isWhole),
      ...checkLogs(snapshot),
      checkScrapes(alerting),
      ...checkRules(alerting),
      ...checkAlertmanagers(snapshot),
      ...checkRights(rights, scope),
      checkStore(store),
    ];
  } finally {
    if (live === null) upstream?.close();
  }
}

/** Where not one kind may be read the rights are all that there is to say. */
function forbidden(error: unknown): null {
  if (error instanceof KubernetesRefusal && error.status === 403) return null;
  throw error;
}

/** What the server does not tell is no fault of the cluster. */
function none(error: unknown): null {
  if (error instanceof Unavailable) return null;
  throw error;
}

async function givenPrometheus({ prometheus, bearerTokenFile }: RawCheckOptions): ReturnType<LiveCluster['openUpstream']> {
  return prometheus === undefined ? null : openPrometheusAt(prometheus, bearerTokenFile ?? null);
}

function readFiles(paths: readonly string[], io: Io): Promise<ClusterRecord> {
  return createManifestsCluster({ paths, inputs: createInputs({ stdin: io.stdin }), defaultNamespace: 'default' }).read();
}

/** A command stays on one line, to be copied. */
function stepLines(step: string, columns: number): readonly string[] {
  return /^(?:kubectl|linkerd|denywhy) /.test(step) ? [`    ${step}`] : wrap(step, columns, '      ', '    ');
}

const MARKS = { ok: '✓', failed: '✗', unknown: '?' } as const;

function showLines(lines: readonly CheckLine[], place: string, columns: number, palette: Palette): string {
  const paint = { ok: palette.green, failed: palette.red, unknown: palette.yellow };
  const sections = Map.groupBy(lines, ({ section }) => section);
  const blocks = [...sections].map(([section, of]) => [
    palette.bold(section),
    ...of.flatMap(({ mark, text, remedy }) => {
      const [first = '', ...rest] = wrap(safe(text), columns, '  ', '* ');
      const said = mark === 'ok' ? [] : remedy;
      return [`${paint[mark](MARKS[mark])}${first.slice(1)}`, ...rest, ...said.flatMap((step) => stepLines(safe(step), columns))];
    }),
  ]);
  const totals = (['ok', 'failed', 'unknown'] as const).map((mark) => `${lines.filter((one) => one.mark === mark).length} ${MARKS[mark]}`);
  return `${[[safe(place)], ...blocks, [totals.join(', ')]].map((block) => block.join('\n')).join('\n\n')}\n`;
}
