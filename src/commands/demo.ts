/** `denywhy demo`: plays a recorded story into a service of its own, says of each client why it was denied, and lets the service be asked. */
import { relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Option, type Command as Subcommand } from 'commander';
import { createInputs } from '../drivers/inputs.ts';
import { openRecording, type Recording } from '../drivers/recording.ts';
import { InvalidInput } from '../errors.ts';
import { explain } from '../explain.ts';
import { openCluster } from './cluster-view.ts';
import type { Command, Io } from './command.ts';
import { showDemoData } from './demo-data.ts';
import { expose } from './demo-expose.ts';
import { type PlayedCounts, play } from './demo-play.ts';
import { createProgress, type Progress } from './demo-progress.ts';
import { type DemoService, startDemoService } from './demo-service.ts';
import { type ShownDemo, showDemo } from './demo-text.ts';
import { safe } from './terminal.ts';

const STORY = fileURLToPath(new URL('../../demo', import.meta.url));

const EXAMPLES = `
Examples:
  $ denywhy demo
  $ denywhy demo --once -o json | jq '.clients[].counts'
  $ denywhy demo --from my-recording/
  $ denywhy demo --expose --speed 5 --policies story/ --to http://127.0.0.1:8417
`;

/** Where the pages are unless it is said: a proxy's own port. */
const EXPOSED = '127.0.0.1:4191';

export const demo: Command = {
  name: 'demo',
  register(subcommand: Subcommand): void {
    subcommand
      .description('play a recorded story: thirteen minutes of a cluster, who was denied in them, and by what')
      .option('--from <directory>', 'play another recording, in the form that docs/demo.md describes')
      .option('--once', 'end when everything is explained; without it the API can be asked until Ctrl-C')
      .addOption(new Option('-o, --output <form>', 'form of the answer').choices(['text', 'json']).default('text'))
      .option('--expose [address]', `let it happen again, live: /metrics pages of its proxies on HOST:PORT (${EXPOSED})`)
      .option('--speed <n>', 'with --expose: so many times as fast as recorded')
      .option('--to <url>', 'with --expose: push its logs to this denywhy, as they happen')
      .option('--token-file <file>', 'with --to: file with a token of scope intake')
      .option('--policies <directory>', 'with --expose: write its objects there, and each edit as it happens')
      .addHelpText('after', EXAMPLES);
  },
  async run(subcommand, io) {
    const options = subcommand.opts<Options>();
    const { from, once = false, output } = options;
    const directory = from ?? (relative('', STORY) || '.');
    if (isLive(options)) return runLive(directory, options, io);
    const progress = createProgress(io);
    progress.phase(`reading ${directory}`);
    const recording = await openRecording(directory, createInputs({ stdin: io.stdin }));
    const service = await startDemoService(recording, io.stderr);
    const interruption = listenForInterruption();
    try {
      const shown = await explainPlayed(recording, service, progress, once);
      progress.end();
      io.stdout.write(output === 'json' ? showDemoData(shown) : showDemo(shown, io));
      if (once) return 0;
      // Data alone stands on stdout.
      if (output === 'json') io.stderr.write(`denywhy: the service listens on ${service.url} until Ctrl-C\n`);
      await interruption.wait();
      return 0;
    } finally {
      await service.close();
      interruption.forget();
    }
  },
};

interface Options {
  readonly from?: string;
  readonly once?: boolean;
  readonly output: 'text' | 'json';
  readonly expose?: string | true;
  readonly speed?: string;
  readonly to?: string;
  readonly tokenFile?: string;
  readonly policies?: string;
}

/** Errors: InvalidInput for an option that means nothing without another one. */
function isLive({ expose: address, speed, to, tokenFile, policies }: Options): boolean {
  const lonely = Object.entries({ speed, to, policies }).find(([, value]) => value !== undefined);
  if (address === undefined && lonely !== undefined)
    throw new InvalidInput(`--${lonely[0]} goes with --expose.`, 'Add --expose, or leave it out.');
  if (to === undefined && tokenFile !== undefined) throw new InvalidInput('--token-file goes with --to.', 'Add --to URL, or leave it out.');
  return address !== undefined;
}

async function runLive(directory: string, options: Options, io: Io): Promise<number> {
  const speed = Number(options.speed ?? 1);
  if (!(speed >= 0.1 && speed <= 1000))
    throw new InvalidInput(`--speed ${options.speed}: this is no speed.`, 'Give a number from 0.1 to 1000; 1 is as recorded.');
  const stopped = new AbortController();
  const interruption = listenForInterruption();
  void interruption.wait().then(() => stopped.abort());
  try {
    await expose(await openRecording(directory, createInputs({ stdin: io.stdin })), {
      address: typeof options.expose === 'string' ? options.expose : EXPOSED,
      speed,
      to: options.to ?? null,
      tokenFile: options.tokenFile ?? null,
      policies: options.policies ?? null,
      isOnce: options.once ?? false,
      signal: stopped.signal,
      say: (sentence) => io.stderr.write(`denywhy: ${safe(sentence)}\n`),
    });
    return 0;
  } finally {
    interruption.forget();
  }
}

async function explainPlayed(recording: Recording, service: DemoService, progress: Progress, isOnce: boolean): Promise<ShownDemo> {
  progress.phase(`playing ${recording.logs.length} logs, Prometheus' samples and Alertmanager's webhooks in the order of their times`);
  const onEvent = (at: number | null, counts: Readonly<PlayedCounts>) => progress.played(at, counts);
  const played = await play({ ...recording, events: service.events }, onEvent);
  progress.phase('explaining what was denied');
  const notices = [...played.notices, ...service.notices()];
  const cluster = openCluster({ changes: played.changes, files: new Map(), notices, isHistory: true }, {});
  const question = { namespace: null, workload: null, port: null, at: null };
  const explanation = explain({
    tally: played.tally,
    cluster: cluster.view,
    question,
    alerts: played.alerts,
    remedies: { files: new Map(), forceGrant: false },
  });
  const answer = { explanation, question, logs: played.logs, notices: cluster.notices, settings: cluster.settings };
  return { recording, played, answer, incidents: await service.incidents(), url: isOnce ? null : service.url };
}

interface Interruption {
  /** From here on a signal is waited for; until then it ends the program. */
  wait(): Promise<void>;
  forget(): void;
}

function listenForInterruption(): Interruption {
  const signals = ['SIGINT', 'SIGTERM'] as const;
  const asked = Promise.withResolvers<void>();
  let hear: () => void = () => process.exit(130);
  const listener = () => hear();
  for (const signal of signals) process.on(signal, listener);
  return {
    wait() {
      hear = asked.resolve;
      return asked.promise;
    },
    forget() {
      for (const signal of signals) process.removeListener(signal, listener);
    },
  };
}
