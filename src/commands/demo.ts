/** `denywhy demo`: plays a recorded story and says of each client why it was denied. */
import { relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Option, type Command as Subcommand } from 'commander';
import { createInputs } from '../drivers/inputs.ts';
import { openRecording } from '../drivers/recording.ts';
import { explain } from '../explain.ts';
import { openCluster } from './cluster-view.ts';
import type { Command } from './command.ts';
import { showDemoData } from './demo-data.ts';
import { type PlayedCounts, play } from './demo-play.ts';
import { createProgress } from './demo-progress.ts';
import { showDemo } from './demo-text.ts';

const STORY = fileURLToPath(new URL('../../demo', import.meta.url));

const EXAMPLES = `
Examples:
  $ denywhy demo
  $ denywhy demo --once -o json | jq '.clients[].counts'
  $ denywhy demo --from my-recording/
`;

export const demo: Command = {
  name: 'demo',
  register(subcommand: Subcommand): void {
    subcommand
      .description('play a recorded story: thirteen minutes of a cluster, who was denied in them, and by what')
      .option('--from <directory>', 'play another recording, in the form that docs/demo.md describes')
      .option('--once', 'end when everything is explained')
      .addOption(new Option('-o, --output <format>', 'text for people, json for programs').choices(['text', 'json']).default('text'))
      .addHelpText('after', EXAMPLES);
  },
  async run(subcommand, io) {
    const { from, output } = subcommand.opts<{ from?: string; output: 'text' | 'json' }>();
    const directory = from ?? (relative('', STORY) || '.');
    const progress = createProgress(io);
    progress.phase(`reading ${directory}`);
    const recording = await openRecording(directory, createInputs({ stdin: io.stdin }));
    progress.phase(`playing ${recording.logs.length} logs, Prometheus' samples and Alertmanager's webhooks in the order of their times`);
    const played = await play(recording, (at, counts: Readonly<PlayedCounts>) => progress.played(at, counts));
    progress.phase('explaining what was denied');
    const cluster = openCluster({ changes: played.changes, files: new Map(), notices: played.notices, isHistory: true }, {});
    const question = { namespace: null, workload: null, port: null, at: null };
    const explanation = explain({ tally: played.tally, cluster: cluster.view, question, alerts: played.alerts });
    progress.end();
    const answer = { explanation, question, logs: played.logs, notices: cluster.notices, settings: cluster.settings };
    const shown = { recording, played, answer };
    io.stdout.write(output === 'json' ? showDemoData(shown) : showDemo(shown, io));
    return 0;
  },
};
