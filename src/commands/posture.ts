/** `denywhy posture`: how near a cluster is to least privilege, practice by practice, with evidence and the next step. */
import { Option } from 'commander';
import { InvalidInput } from '../errors.ts';
import type { Notice } from '../ports.ts';
import { ASKS_OF_CLUSTER, ASKS_OF_FILES } from '../posture/asks.ts';
import type { PrometheusFacts } from '../posture/practice.ts';
import { prometheusFacts } from './check-facts.ts';
import { openAsked, sayNotices } from './cluster-asked.ts';
import { declareClusterOptions, type RawClusterOptions } from './cluster-options.ts';
import type { Command, Io } from './command.ts';
import { showJson } from './explain-data.ts';
import { openPrometheusAt } from './explain-live-open.ts';
import { showRemedy } from './explain-remedy.ts';
import { basisOf } from './generate.ts';
import { createFactBook, observedTraffic } from './observed-traffic.ts';
import { showTightening } from './posture-remedies.ts';
import { hasPods, type Posture, runPosture, watchedIn } from './posture-run.ts';
import { postureData, showPosture, showPostureMarkdown } from './posture-text.ts';
import { gatherTraffic, readTraffic } from './recorded-traffic.ts';
import { createPalette, wantsColor } from './terminal.ts';

const EXAMPLES = `
Examples:
  $ denywhy posture -n shop
  $ denywhy posture -A --prometheus http://localhost:9090
  $ denywhy posture -n shop --cluster dump.yaml --metrics tsdb.om
  $ denywhy posture -n shop -o md > posture.md
  $ denywhy posture -n shop --remedy 1 -o yaml > fix.yaml

Marks: ✓ holds, ~ holds in part, ✗ does not, ? what was read does not tell.
Exit codes: 0 nothing is ~ or ✗, 1 something is, 2 the command line or the
input is wrong, 3 the cluster is unavailable. docs/posture.md has a section
for each practice.
`;

interface RawPostureOptions extends RawClusterOptions {
  readonly logs?: readonly string[];
  readonly metrics?: readonly string[];
  readonly prometheus?: string;
  readonly bearerTokenFile?: string;
  readonly at?: string;
  readonly output: 'text' | 'json' | 'md' | 'yaml' | 'patch' | 'diff';
  readonly remedy?: string;
}

export const posture: Command = {
  name: 'posture',
  register(subcommand) {
    subcommand.description('how near to least privilege: default deny, grants, probes, blind spots, and the next step');
    declareClusterOptions(subcommand)
      .option('--logs <path...>', 'logs of proxies: what was seen')
      .option('--metrics <path...>', 'counters: a proxy’s page, a Prometheus answer, an OpenMetrics dump')
      .option('--prometheus <url>', 'Prometheus; one that is found in the cluster is read by port-forward')
      .option('--bearer-token-file <file>', 'token for --prometheus')
      .option('--at <time>', 'the policy of that moment, where --cluster is a history')
      .option('--remedy <number>', 'one change alone: a wildcard narrowed, an unused grant taken away')
      .addOption(
        new Option('-o, --output <form>', 'form of the answer; yaml, patch and diff are for --remedy')
          .choices(['text', 'json', 'md', 'yaml', 'patch', 'diff'])
          .default('text'),
      )
      .addHelpText('after', EXAMPLES);
  },
  async run(subcommand, io) {
    const raw = subcommand.opts<RawPostureOptions>();
    const number = remedyNumber(raw);
    const book = createFactBook();
    let alerting: PrometheusFacts = { prometheus: null, targets: null, rules: null, retention: null };
    const opened = await openAsked(raw, raw.at ?? null, io, async (live, record) => {
      const resources = record.changes.map(({ resource }) => resource);
      if (raw.logs === undefined && raw.metrics === undefined)
        await gatherTraffic(live, record, raw.allNamespaces === true ? null : (raw.namespace ?? live.namespace), book, io);
      if (raw.prometheus === undefined) alerting = await prometheusFacts(await live.openUpstream(resources));
    });
    if (raw.prometheus !== undefined) alerting = await askedPrometheus(raw.prometheus, raw);
    const readNotices = [...opened.notices, ...(await readTraffic(raw, opened, book))];
    const { snapshot, namespace, cluster } = opened;
    if (namespace !== null && !hasPods(snapshot, namespace))
      throw new InvalidInput(`no pods are in namespace ${namespace}.`, 'kubectl get pods -A lists them; are they in the dump?');
    const observed = observedTraffic(snapshot, book.facts);
    const notices = observed.unplaced === 0 ? readNotices : [...readNotices, unplacedNotice(observed.unplaced)];
    const requests = observed.traffic.reduce((sum, { count }) => sum + count, 0);
    const { view, settings, end } = cluster;
    const found = runPosture({
      ...{ snapshot, settings, view, alerting, observed, namespace, files: opened.record.files },
      asks: raw.cluster === undefined ? ASKS_OF_CLUSTER : ASKS_OF_FILES,
      unread: opened.record.unread ?? new Map(),
      basis: basisOf(book.facts, requests),
      watched: watchedIn(book.facts),
      now: end ?? io.now,
    });
    if (number !== null) {
      io.stdout.write(oneRemedy(found, number, raw.output, io));
      return 0;
    }
    if (raw.output === 'json') io.stdout.write(showJson({ ...postureData(found), notices }));
    else io.stdout.write(raw.output === 'md' ? showPostureMarkdown(found) : textOf(found, io));
    if (raw.output !== 'json') sayNotices(notices, io);
    const isGood = found.namespaces.every(({ practices }) => practices.every(({ state }) => state === 'holds' || state === 'unknown'));
    return isGood ? 0 : 1;
  },
};

/** null: the whole answer. */
function remedyNumber({ output, remedy, allNamespaces }: RawPostureOptions): number | null {
  if (remedy === undefined) {
    if (output !== 'yaml' && output !== 'patch' && output !== 'diff') return null;
    throw new InvalidInput(
      `-o ${output} is for one change.`,
      'Name it: --remedy 1. The next steps of the answer without it have their numbers.',
    );
  }
  if (!/^[1-9]\d{0,3}$/.test(remedy))
    throw new InvalidInput(
      `--remedy "${remedy}" is no number.`,
      'Changes are counted from 1, as the next steps of the answer without --remedy have them.',
    );
  if (output === 'md') throw new InvalidInput('-o md is for the whole answer.', 'Take -o text, yaml, json, patch or diff.');
  if (allNamespaces === true)
    throw new InvalidInput('--remedy is for one namespace, by whose answer it is numbered.', 'Name it with -n NAMESPACE.');
  return Number(remedy);
}

function oneRemedy({ tightenings, namespaces }: Posture, number: number, form: RawPostureOptions['output'], io: Io): string {
  const remedy = tightenings[number - 1];
  if (remedy === undefined)
    throw new InvalidInput(
      `there is no remedy ${number}.`,
      `This answer has ${tightenings.length === 0 ? 'none' : tightenings.length}: look at its grants-used without --remedy first.`,
    );
  if (form !== 'text' && form !== 'md') return showRemedy(remedy, form, null);
  const style = {
    columns: Math.max(io.columns, 80),
    palette: createPalette(wantsColor(io.isTTY.stdout, io.env)),
    now: io.now,
    namespace: null,
  };
  return `${showTightening(remedy, namespaces[0]?.namespace ?? '', number, style).join('\n')}\n`;
}

/** What a page or a log tells is of its file's pod, where it names none itself. */
function unplacedNotice(unplaced: number): Notice {
  const message = `${unplaced.toLocaleString('en')} recorded facts name no pod or port of this cluster, and are not counted. A file of one proxy is known by the name of its pod in its path: shop_cart-1.prom.`;
  return { where: '', message };
}

async function askedPrometheus(url: string, { bearerTokenFile }: RawPostureOptions): Promise<PrometheusFacts> {
  const upstream = await openPrometheusAt(url, bearerTokenFile ?? null);
  try {
    return await prometheusFacts(upstream);
  } finally {
    upstream.close();
  }
}

function textOf(found: Posture, io: Io): string {
  return `${showPosture(found, Math.max(io.columns, 80), createPalette(wantsColor(io.isTTY.stdout, io.env))).join('\n')}\n`;
}
