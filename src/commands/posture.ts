/** `denywhy posture`: how near a cluster is to least privilege, practice by practice, with evidence and the next step. */
import { Option } from 'commander';
import { InvalidInput } from '../errors.ts';
import { ASKS_OF_CLUSTER, ASKS_OF_FILES } from '../posture/asks.ts';
import type { PrometheusFacts } from '../posture/practice.ts';
import { prometheusFacts } from './check-facts.ts';
import { openAsked, sayNotices } from './cluster-asked.ts';
import { declareClusterOptions, type RawClusterOptions } from './cluster-options.ts';
import type { Command, Io } from './command.ts';
import { showJson } from './explain-data.ts';
import { openPrometheusAt } from './explain-live-open.ts';
import { basisOf } from './generate.ts';
import { createFactBook, observedTraffic } from './observed-traffic.ts';
import { hasPods, type Posture, runPosture } from './posture-run.ts';
import { postureData, showPosture, showPostureMarkdown } from './posture-text.ts';
import { gatherTraffic, readTraffic } from './recorded-traffic.ts';
import { createPalette, wantsColor } from './terminal.ts';

const EXAMPLES = `
Examples:
  $ denywhy posture -n shop
  $ denywhy posture -A --prometheus http://localhost:9090
  $ denywhy posture -n shop --cluster dump.yaml --metrics tsdb.om
  $ denywhy posture -n shop -o md > posture.md

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
  readonly output: 'text' | 'json' | 'md';
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
      .addOption(new Option('-o, --output <form>', 'form of the answer').choices(['text', 'json', 'md']).default('text'))
      .addHelpText('after', EXAMPLES);
  },
  async run(subcommand, io) {
    const raw = subcommand.opts<RawPostureOptions>();
    const book = createFactBook();
    let alerting: PrometheusFacts = { prometheus: null, targets: null, rules: null, retention: null };
    const opened = await openAsked(raw, raw.at ?? null, io, async (live, record) => {
      const resources = record.changes.map(({ resource }) => resource);
      if (raw.logs === undefined && raw.metrics === undefined)
        await gatherTraffic(live, record, raw.allNamespaces === true ? null : (raw.namespace ?? live.namespace), book, io);
      if (raw.prometheus === undefined) alerting = await prometheusFacts(await live.openUpstream(resources));
    });
    if (raw.prometheus !== undefined) alerting = await askedPrometheus(raw.prometheus, raw);
    const notices = [...opened.notices, ...(await readTraffic(raw, opened, book))];
    const { snapshot, namespace, cluster } = opened;
    if (namespace !== null && !hasPods(snapshot, namespace))
      throw new InvalidInput(`no pods are in namespace ${namespace}.`, 'kubectl get pods -A lists them; are they in the dump?');
    const observed = observedTraffic(snapshot, book.facts);
    const requests = observed.traffic.reduce((sum, { count }) => sum + count, 0);
    const { view, settings, end } = cluster;
    const found = runPosture({
      ...{ snapshot, settings, view, alerting, observed, namespace },
      asks: raw.cluster === undefined ? ASKS_OF_CLUSTER : ASKS_OF_FILES,
      unread: opened.record.unread ?? new Map(),
      basis: basisOf(book.facts, requests),
      now: end ?? io.now,
    });
    if (raw.output === 'json') io.stdout.write(showJson({ ...postureData(found), notices }));
    else io.stdout.write(raw.output === 'md' ? showPostureMarkdown(found) : textOf(found, io));
    if (raw.output !== 'json') sayNotices(notices, io);
    const isGood = found.namespaces.every(({ practices }) => practices.every(({ state }) => state === 'holds' || state === 'unknown'));
    return isGood ? 0 : 1;
  },
};

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
