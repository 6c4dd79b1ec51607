/** `denywhy simulate`: what a change of objects would do, before anyone applies it. */
import { Option } from 'commander';
import { createManifestsCluster } from '../drivers/cluster-manifests.ts';
import { InvalidInput } from '../errors.ts';
import type { Inputs, Notice } from '../ports.ts';
import { openAsked, sayNotices } from './cluster-asked.ts';
import { declareClusterOptions, type RawClusterOptions } from './cluster-options.ts';
import type { Command, Io } from './command.ts';
import { showJson } from './explain-data.ts';
import { createFactBook, observedTraffic } from './observed-traffic.ts';
import { OPTION_WORDS } from './question-words.ts';
import { gatherTraffic, readTraffic } from './recorded-traffic.ts';
import { plannedChange } from './simulate-change.ts';
import { simulate as simulated } from './simulate-run.ts';
import { showMarkdown, showSimulation, simulationData } from './simulate-text.ts';
import { createPalette, wantsColor } from './terminal.ts';

const EXAMPLES = `
Examples:
  $ denywhy simulate --change new.yaml -n shop
  $ denywhy simulate --change ./policies --cluster dump.yaml --logs cart.log
  $ denywhy simulate --change ./new --prune --cluster ./old -o md
  $ denywhy simulate --delete authzpolicy/orders-frontend -n shop
  $ git show HEAD:policies.yaml | denywhy simulate --change policies.yaml \\
      --cluster -

Exit codes: 0 nothing is newly denied, 1 something is, 2 the command line or
the input is wrong (or an object would be refused), 3 the cluster is
unavailable. docs/simulate.md explains the answer.
`;

interface RawSimulateOptions extends RawClusterOptions {
  readonly change?: readonly string[];
  readonly delete?: readonly string[];
  readonly prune?: boolean;
  readonly traffic?: 'observed' | 'all';
  readonly logs?: readonly string[];
  readonly metrics?: readonly string[];
  readonly at?: string;
  readonly output: 'text' | 'json' | 'md';
}

export const simulate: Command = {
  name: 'simulate',
  register(subcommand) {
    subcommand
      .description('what a change of policy would deny and allow, before it is applied')
      .option('--change <path...>', 'objects that would be applied: files, directories, - for stdin')
      .option('--delete <object...>', 'objects that would be deleted: KIND/NAME');
    declareClusterOptions(subcommand)
      .option('--prune', 'what decides in the namespaces of --change and is not in it would go')
      .addOption(
        new Option('--traffic <which>', 'what is put to the change; all: everything that is possible too').choices(['observed', 'all']),
      )
      .option('--logs <path...>', 'logs of proxies: what was seen')
      .option('--metrics <path...>', 'counters: a proxy’s page, a Prometheus answer, an OpenMetrics dump')
      .option('--at <time>', 'the policy of that moment, where --cluster is a history')
      .addOption(new Option('-o, --output <form>', 'form of the answer').choices(['text', 'json', 'md']).default('text'))
      .addHelpText('after', EXAMPLES);
  },
  async run(subcommand, io) {
    const raw = subcommand.opts<RawSimulateOptions>();
    const { change = [], delete: deleted = [], prune = false, logs = [], metrics = [] } = raw;
    if (change.length + deleted.length === 0)
      throw new InvalidInput('nothing would change.', 'Name the objects: denywhy simulate --change new.yaml, or --delete KIND/NAME.');
    if (prune && change.length === 0) throw new InvalidInput('--prune is about what --change does not hold.', 'Give --change too.');
    const twice = [...change, ...(raw.cluster ?? []), ...logs, ...metrics].filter((path) => path === '-').length > 1;
    if (twice) throw new InvalidInput('stdin cannot be read twice.', 'Put one of them into a file.');
    const book = createFactBook();
    const unread: Notice[] = [];
    const opened = await openAsked(raw, raw.at ?? null, io, async (live, record) => {
      const namespace = raw.allNamespaces === true ? null : (raw.namespace ?? live.namespace);
      if (logs.length + metrics.length === 0) unread.push(...(await gatherTraffic(live, record, namespace, book, io)));
    });
    const notices = [...unread, ...(await readTraffic({ logs, metrics }, opened, book))];
    const { snapshot, namespace, inputs } = opened;
    const record = change.length === 0 ? null : await readChange(change, namespace ?? 'default', inputs);
    const planned = plannedChange(snapshot, record, { deleted, prune, namespace }, OPTION_WORDS);
    const observed = observedTraffic(snapshot, book.facts);
    const traffic = raw.traffic ?? (observed.traffic.length > 0 ? 'observed' : 'all');
    const simulation = simulated(
      snapshot,
      { ...planned, notices: [...opened.notices, ...notices, ...planned.notices] },
      { observed, possible: traffic === 'all', pairs: traffic === 'all' },
    );
    write(simulation, raw.output, io);
    if (planned.refused.length > 0) return 2;
    return simulation.counts['newly-denied'] > 0 ? 1 : 0;
  },
};

function readChange(paths: readonly string[], defaultNamespace: string, inputs: Inputs) {
  return createManifestsCluster({ paths, inputs, defaultNamespace }).read();
}

function write(simulation: ReturnType<typeof simulated>, output: RawSimulateOptions['output'], io: Io): void {
  if (output === 'json') io.stdout.write(showJson(simulationData(simulation)));
  else if (output === 'md') io.stdout.write(showMarkdown(simulation));
  else
    io.stdout.write(
      `${showSimulation(simulation, Math.max(io.columns, 80), createPalette(wantsColor(io.isTTY.stdout, io.env))).join('\n')}\n`,
    );
  if (output !== 'json') sayNotices(simulation.notices, io);
}
