/** `denywhy generate`: Servers, authentications and policies that allow what was observed, in steps from today to default deny. */
import { Option } from 'commander';
import { InvalidInput } from '../errors.ts';
import { earlier, later } from '../evidence/tally.ts';
import type { Notice } from '../ports.ts';
import { openAsked, sayNotices } from './cluster-asked.ts';
import { declareClusterOptions, type RawClusterOptions } from './cluster-options.ts';
import type { Command } from './command.ts';
import { showJson } from './explain-data.ts';
import { planOf } from './generate-plan.ts';
import { type Basis, planData, showPlan, showStep } from './generate-text.ts';
import { createFactBook, type FactBook, observedTraffic } from './observed-traffic.ts';
import { OPTION_WORDS } from './question-words.ts';
import { gatherTraffic, readTraffic } from './recorded-traffic.ts';
import { createPalette, wantsColor } from './terminal.ts';
import { readWorkloadName } from './workload-name.ts';
import { podsOfWorkload } from './workload-port.ts';

const EXAMPLES = `
Examples:
  $ denywhy generate -n shop
  $ denywhy generate -n shop deploy/orders
  $ denywhy generate -n shop --cluster dump.yaml --metrics tsdb.om
  $ denywhy generate -n shop --step 1 | kubectl apply -f -

Exit codes: 0 planned, 1 there is nothing to do, 2 the command line or the
input is wrong, 3 the cluster is unavailable. docs/generate.md explains the
plan.
`;

interface RawGenerateOptions extends RawClusterOptions {
  readonly logs?: readonly string[];
  readonly metrics?: readonly string[];
  readonly step?: string;
  readonly at?: string;
  readonly output: 'text' | 'json';
}

export const generate: Command = {
  name: 'generate',
  register(subcommand) {
    subcommand
      .description('policies that allow what was observed, in steps to default deny')
      .argument('[workload]', 'deploy/NAME, …: this one alone');
    declareClusterOptions(subcommand)
      .option('--logs <path...>', 'logs of proxies: what was seen')
      .option('--metrics <path...>', 'counters: a proxy’s page, a Prometheus answer, an OpenMetrics dump')
      .option('--step <number>', 'the objects of this step alone, as YAML')
      .option('--at <time>', 'the policy of that moment, where --cluster is a history')
      .addOption(new Option('-o, --output <form>', 'form of the plan').choices(['text', 'json']).default('text'))
      .addHelpText('after', EXAMPLES);
  },
  async run(subcommand, io) {
    const raw = subcommand.opts<RawGenerateOptions>();
    const book = createFactBook();
    const unread: Notice[] = [];
    const opened = await openAsked(raw, raw.at ?? null, io, async (live, record) => {
      if (raw.logs === undefined && raw.metrics === undefined) await gatherTraffic(live, record, raw.namespace ?? live.namespace, book, io);
    });
    const notices = [...opened.notices, ...unread, ...(await readTraffic(raw, opened, book))];
    const { snapshot, namespace } = opened;
    if (namespace === null) throw new InvalidInput('which namespace?', 'Name it: denywhy generate -n NAMESPACE.');
    if (!snapshot.namespaces.has(namespace))
      throw new InvalidInput(`nothing is in namespace ${namespace}.`, 'kubectl get namespaces lists them; is it in the dump?');
    const [workload] = subcommand.args;
    const only = workload === undefined ? null : podsOfWorkload(snapshot, readWorkloadName(workload), namespace, OPTION_WORDS);
    const observed = observedTraffic(snapshot, book.facts);
    const plan = planOf(snapshot, namespace, only, observed);
    const basis = basisOf(
      book.facts,
      observed.traffic.reduce((sum, { count }) => sum + count, 0),
    );
    if (raw.step !== undefined) {
      const step = /^\d{1,4}$/.test(raw.step) ? plan.steps[Number(raw.step) - 1] : undefined;
      if (step === undefined)
        throw new InvalidInput(`there is no step ${raw.step}.`, `The plan has ${plan.steps.length}: denywhy generate -n ${namespace}.`);
      io.stdout.write(showStep(step));
      return 0;
    }
    if (raw.output === 'json') io.stdout.write(showJson({ ...planData(plan, basis), notices }));
    else
      io.stdout.write(
        `${showPlan(plan, basis, Math.max(io.columns, 80), createPalette(wantsColor(io.isTTY.stdout, io.env))).join('\n')}\n`,
      );
    if (raw.output !== 'json') sayNotices(notices, io);
    return plan.steps.length === 0 ? 1 : 0;
  },
};

/** From when to when the facts are; `requests`: how many of them were placed. */
export function basisOf(facts: FactBook['facts'], requests: number): Basis {
  let [first, last]: [number | null, number | null] = [null, null];
  for (const { at, lastAt } of facts) {
    first = earlier(first, at);
    last = later(last, lastAt ?? at);
  }
  return { requests, first, last };
}
