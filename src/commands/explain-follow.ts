/** `explain --follow`: new denials of a live cluster as they come, each explained once; what comes again is counted. */
import { setTimeout as sleep } from 'node:timers/promises';
import { Unavailable } from '../errors.ts';
import type { Fact } from '../evidence/facts.ts';
import { createTally } from '../evidence/tally.ts';
import { type ClientExplanation, explain, firstSentence } from '../explain.ts';
import { type OpenCluster, openCluster } from './cluster-view.ts';
import type { Io } from './command.ts';
import { clientData, showJson } from './explain-data.ts';
import { onlyOf, questionOf } from './explain-live-answer.ts';
import type { LiveCluster } from './explain-live-open.ts';
import type { ExplainOptions } from './explain-options.ts';
import { styleFor } from './explain-report.ts';
import { subjectOf } from './explain-subject.ts';
import { showClientBlock } from './explain-text.ts';
import { createTails } from './log-tails.ts';
import { selectPods } from './proxy-pods.ts';
import { safe } from './terminal.ts';

const MOST_PODS = 100;
const MOST_KNOWN = 10_000;
/** Denials are gathered for so long before they are explained together (ms): a denial is several lines. */
const EVERY = 1000;
/** What came again is told of so often. */
const EVERY_AGAIN = 60_000;
/** Policies and pods are read anew after so long, and soon after a denial. */
const EVERY_READING = 60_000;
const LEAST_READING = 5000;

/** Until it is told to end (SIGINT). Errors: InvalidInput, Unavailable, of the first reading alone. */
export async function follow(live: LiveCluster, options: ExplainOptions, io: Io): Promise<number> {
  const ended = new AbortController();
  const end = () => ended.abort();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, end);
  try {
    return await run(live, options, io, ended.signal);
  } finally {
    ended.abort();
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.removeListener(signal, end);
  }
}

async function run(live: LiveCluster, options: ExplainOptions, io: Io, signal: AbortSignal): Promise<number> {
  const asked = questionOf(options, live.namespace);
  const say = (text: string) => io.stderr.write(`denywhy: ${safe(text)}\n`);
  const readCluster = async () => {
    const record = await live.cluster.read();
    const pods = selectPods(
      record.changes.map(({ resource }) => resource),
      { ...asked, selector: options.live.selector ?? null },
    ).meshed;
    return { cluster: openCluster(record, options.settings), pods };
  };
  let { cluster, pods } = await readCluster();
  let readAt = performance.now();
  const { question } = subjectOf(asked, cluster);
  const told = new Set<string>();
  const complain = ({ message, remedy }: Unavailable) => {
    if (!told.has(message)) say(`${message} ${remedy}`);
    if (told.size < MOST_KNOWN) told.add(message);
  };
  const tails = createTails(live.logs, { most: MOST_PODS, position: async () => null, complain, now: Date.now, signal });
  tails.see(pods, io.now);
  say(`follows ${tails.size} of ${pods.length} proxies of ${live.place}; Ctrl-C ends it.`);
  const book = createBook();
  let toldAt = performance.now();
  let lost = 0;
  while (!signal.aborted) {
    await sleep(EVERY, undefined, { signal }).catch(() => undefined);
    const settled = tails.settle();
    const facts = settled.flatMap((one) => one.facts).filter(({ type }) => type === 'denial');
    lost += settled.reduce((sum, one) => sum + one.lost, 0);
    const age = performance.now() - readAt;
    if (age > EVERY_READING || (facts.length > 0 && age > LEAST_READING)) {
      readAt = performance.now();
      try {
        ({ cluster, pods } = await readCluster());
        tails.see(pods, Date.now());
      } catch (error) {
        if (!(error instanceof Unavailable)) throw error;
        if (!signal.aborted) say(`${error.message} The policies are those of before.`);
      }
    }
    if (facts.length > 0) book.add(clientsOf(facts, cluster, { ...question, at: null }, options), (client) => print(client, options, io));
    if (performance.now() - toldAt > EVERY_AGAIN) {
      toldAt = performance.now();
      const again = book.again() + lost;
      lost = 0;
      if (again > 0) say(`${again.toLocaleString('en')} denials more of what is explained above.`);
    }
  }
  return 0;
}

function clientsOf(
  facts: readonly Fact[],
  cluster: OpenCluster,
  question: Parameters<typeof explain>[0]['question'],
  options: ExplainOptions,
): readonly ClientExplanation[] {
  const tally = createTally();
  for (const fact of facts) tally.add(fact);
  return onlyOf(
    explain({ tally, cluster: cluster.view, question, remedies: { files: new Map(), forceGrant: options.forceGrant } }),
    options.client,
    question.namespace,
  ).clients;
}

function print(client: ClientExplanation, options: ExplainOptions, io: Io): void {
  if (options.output !== 'text') {
    io.stdout.write(`${showJson(clientData(client)).replace(/\n\s*/g, '')}\n`);
    return;
  }
  const style = { ...styleFor(io, options.question.namespace), now: Date.now() };
  io.stdout.write(`${showClientBlock(client, 'new', style).join('\n')}\n\n`);
}

/** What was explained already: the same client, refused the same way by the same policy. */
function createBook() {
  const known = new Set<string>();
  let again = 0;
  const keyOf = ({ client, tls, targets }: ClientExplanation) =>
    JSON.stringify([
      client.key,
      tls?.state,
      ...targets.map((t) => [t.kind, t.namespace, t.workload?.name, t.server, t.route, firstSentence(t)]),
    ]);
  return {
    add(clients: readonly ClientExplanation[], show: (client: ClientExplanation) => void): void {
      for (const client of clients) {
        for (const target of client.targets) {
          const one = { ...client, targets: [target], counts: { [target.kind]: target.count } };
          const key = keyOf(one);
          if (known.has(key) || known.size >= MOST_KNOWN) again += target.count;
          else {
            known.add(key);
            show(one);
          }
        }
      }
    },
    again(): number {
      const sum = again;
      again = 0;
      return sum;
    },
  };
}
