/** `denywhy rules`: Prometheus' alert rules for what Linkerd denies, with their tests; whether they will be loaded, and whether they are. */
import { writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { Option } from 'commander';
import { allTests, packFiles } from '../alerting/files.ts';
import { LEARN, type Learned, learn } from '../alerting/learned.ts';
import { ruleStates } from '../alerting/loaded.ts';
import { ruleFile, ruleManifest } from '../alerting/manifest.ts';
import { type RulePack, rulePack } from '../alerting/pack.ts';
import { DEFAULTS, type Settings } from '../alerting/settings.ts';
import { readTuning } from '../alerting/tuning.ts';
import { makeDirectory } from '../drivers/directory.ts';
import { createInputs } from '../drivers/inputs.ts';
import { createRuleServer } from '../drivers/rules-prometheus.ts';
import { createUpstream } from '../drivers/upstream.ts';
import { InvalidInput } from '../errors.ts';
import { parseYaml } from '../manifests/yaml-text.ts';
import type { Inputs, RuleServer } from '../ports.ts';
import type { Command, Io } from './command.ts';
import { metadataOf, type RawRulesOptions, scrapeOf, versionOf } from './rules-options.ts';
import { showStates } from './rules-report.ts';
import { type Selections, selectionsIn } from './rules-selection.ts';
import { safe } from './terminal.ts';

const EXAMPLES = `
Examples:
  $ denywhy rules --release kube-prometheus-stack | kubectl apply -f -
  $ denywhy rules --prometheus http://localhost:9090 --cluster dump.yaml \\
      > rule.yaml
  $ denywhy rules -o rules > rules.yaml && denywhy rules -o tests > tests.yaml \\
      && promtool test rules tests.yaml
  $ denywhy rules --prometheus http://localhost:9090 --check

Remarks go to stderr: whether a Prometheus of the operator (--cluster) will take
the manifest, and why not. docs/rules.md explains alerts, tuning and runbooks.
`;

export const rules: Command = {
  name: 'rules',
  register(subcommand) {
    subcommand
      .description('alert rules that see the first denial, with their promtool tests, runbooks and dashboard')
      .addOption(new Option('-o, --output <form>', 'form').choices(['yaml', 'rules', 'tests']).default('yaml'))
      .option('--write <directory>', 'write everything there: manifest, rules, tests, runbooks, dashboard, schema')
      .option('-n, --namespace <name>', 'namespace of the PrometheusRule', 'monitoring')
      .option('--name <name>', 'name of the PrometheusRule', 'denywhy')
      .option('--label <key=value...>', 'labels of the PrometheusRule')
      .option('--release <name>', 'Helm release of kube-prometheus-stack: sets the label that it selects by')
      .option('--cluster <path...>', 'Prometheus and Namespace objects: files, directories, - for stdin')
      .option('--prometheus <url>', 'learn jobs, labels and version from this Prometheus')
      .option('--bearer-token-file <file>', 'token for --prometheus')
      .option('--check', 'ask --prometheus whether the rules are loaded, healthy and evaluated')
      .option('--tuning <file>', 'thresholds, severities, mutes, cluster label (rules/tuning.schema.json)')
      .addOption(new Option('--scrape <config>', 'who scrapes the proxies').choices(['linkerd-viz', 'podmonitor']))
      .option('--control-plane-namespace <name>', 'of the PodMonitor', 'linkerd')
      .option('--job <name...>', 'job of the proxies in Prometheus')
      .option('--prometheus-version <version>', 'the oldest one that must load the rules (2.42 where nothing tells)')
      .addHelpText('after', EXAMPLES);
  },
  async run(subcommand, io) {
    const raw = subcommand.opts<RawRulesOptions>();
    const inputs = createInputs({ stdin: io.stdin });
    const metadata = metadataOf(raw);
    const server = await serverOf(raw);
    try {
      const selections = await selectionsIn(raw.cluster ?? [], metadata, inputs);
      const learned = server === null ? { settings: DEFAULTS, notices: [] } : await learnFrom(server);
      const settings = await settingsOf(raw, learned.settings, selections, server !== null, inputs);
      const pack = rulePack(settings);
      say([...learned.notices, ...pack.notices, ...selections.notices, ...runbookNotice(settings)], io);
      if (raw.check === true) return await check(pack, server, io);
      if (raw.write === undefined) io.stdout.write(textOf(raw.output, pack, settings, metadata));
      else await writeAll(raw.write, packFiles(settings, metadata), io);
      return 0;
    } finally {
      server?.close();
    }
  },
};

const TIMEOUT = 30_000;
const MOST_BYTES = 64 * 2 ** 20;

async function serverOf({ prometheus, bearerTokenFile, check: isCheck }: RawRulesOptions): Promise<RuleServer | null> {
  if (prometheus === undefined) {
    if (isCheck === true) throw new InvalidInput('--check needs a Prometheus to ask.', 'Add --prometheus http://HOST:9090.');
    return null;
  }
  const upstream = await createUpstream({
    name: 'Prometheus',
    url: prometheus,
    credentials: { bearer: null, bearerFile: bearerTokenFile ?? null, basic: null },
    headers: new Map(),
    tls: { ca: null, certificate: null, key: null, serverName: null, isVerified: true },
    timeout: TIMEOUT,
    mostBytes: MOST_BYTES,
  });
  return createRuleServer(upstream);
}

/** What this Prometheus calls things. Errors: Unavailable. */
export async function learnFrom(server: RuleServer): Promise<Learned> {
  const [version, proxyJobs, denywhyJobs, proxyLabels, ...counterLabels] = await Promise.all([
    server.version(),
    server.labelValues('job', LEARN.proxies),
    server.labelValues('job', LEARN.denywhy),
    server.labelNames(LEARN.proxies),
    ...LEARN.counters.map((selector) => server.labelNames(selector)),
  ]);
  return learn({ version, proxyJobs, denywhyJobs, proxyLabels, counterLabels: counterLabels.flat() }, DEFAULTS);
}

/** Flags go before what Prometheus tells, and the file before both. */
async function settingsOf(
  raw: RawRulesOptions,
  learned: Settings,
  { version }: Selections,
  isLearned: boolean,
  inputs: Inputs,
): Promise<Settings> {
  const base: Settings = {
    ...learned,
    scrape: scrapeOf(raw, learned.scrape),
    version: versionOf(raw) ?? (isLearned ? null : version) ?? learned.version,
  };
  if (raw.tuning === undefined) return base;
  const { documents, cutOff } = parseYaml(await inputs.text(raw.tuning), raw.tuning);
  if (cutOff !== null || documents.length > 1)
    throw new InvalidInput('not a tuning file: it must be one YAML document.', 'docs/rules.md has an example.', { file: raw.tuning });
  return readTuning(documents[0]?.value, raw.tuning, base);
}

function textOf(
  output: RawRulesOptions['output'],
  { groups }: RulePack,
  settings: Settings,
  metadata: ReturnType<typeof metadataOf>,
): string {
  if (output === 'rules') return ruleFile(groups);
  return output === 'tests' ? allTests(settings) : ruleManifest(groups, metadata);
}

async function writeAll(directory: string, files: ReadonlyMap<string, string>, io: Io): Promise<void> {
  for (const [path, text] of files) {
    const file = join(directory, path);
    try {
      makeDirectory(resolve(dirname(file)));
    } catch (error) {
      refuseFile(error, directory);
    }
    await writeFile(file, text).catch((error: unknown) => refuseFile(error, file));
  }
  io.stdout.write(`${files.size} files in ${safe(directory)}\n`);
}

function refuseFile(error: unknown, file: string): never {
  const code = error instanceof Error && 'code' in error ? String(error.code) : 'no reason given';
  throw new InvalidInput(`cannot be written (${code}).`, 'Name a directory that this user may write to.', { file });
}

/** Exit code 1 where the answer is no. */
async function check({ groups }: RulePack, server: RuleServer | null, io: Io): Promise<number> {
  if (server === null) throw new Error('no server to ask');
  const states = ruleStates(groups, await server.rules());
  io.stdout.write(showStates(states, server.place, io.now));
  return states.every(({ state }) => state === 'ok') ? 0 : 1;
}

function runbookNotice({ runbookUrl }: Settings): readonly string[] {
  if (runbookUrl !== DEFAULTS.runbookUrl) return [];
  return [
    'runbook_url leads to http://localhost:8417, where denywhy serves its runbooks: right on its own machine and behind a port-forward. Name the address at which people reach it as runbookUrl in the tuning file.',
  ];
}

function say(notices: readonly string[], io: Io): void {
  for (const notice of notices) io.stderr.write(`denywhy: ${safe(notice)}\n`);
}
