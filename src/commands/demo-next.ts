/** Commands that go on from a recording, on its own files. */
import type { Recording } from '../drivers/recording.ts';
import { showWorkload } from '../evidence/missing.ts';
import type { ClientExplanation } from '../explain.ts';
import type { Io } from './command.ts';
import { safe } from './terminal.ts';

export interface NextCommand {
  readonly what: string;
  readonly command: string;
}

/** They call the program as it was called itself: by npm in a checkout, else by its name. */
export function nextCommands(client: ClientExplanation, recording: Recording, env: Io['env']): readonly NextCommand[] {
  const run = env['npm_lifecycle_event'] === undefined ? 'denywhy' : 'npm run -s denywhy --';
  return [
    ...explainFromLogs(client, recording, run),
    { what: 'all of it as data', command: `${run} demo --once -o json` },
    {
      what: 'your own cluster',
      command: `kubectl logs -n NAMESPACE deploy/NAME -c linkerd-proxy --tail=-1 \\\n  | ${run} explain -n NAMESPACE deploy/NAME --cluster dump.yaml`,
    },
  ];
}

const MOST_LOGS = 3;

function explainFromLogs({ targets }: ClientExplanation, { history, logs }: Recording, run: string): readonly NextCommand[] {
  const [target] = targets;
  if (target === undefined || target.namespace === null || target.workload === null) return [];
  const files = logs.filter(({ pod }) => target.pods.includes(pod)).map(({ file }) => quoted(file));
  if (files.length === 0) return [];
  const options = [`--cluster ${quoted(history)}`, ...files.slice(0, MOST_LOGS).map((file) => `--logs ${file}`)];
  const command = [`${run} explain -n ${quoted(target.namespace)} ${quoted(showWorkload(target.workload))}`, ...options].join(' \\\n  ');
  return [{ what: 'everything that this workload refused, from its logs alone', command }];
}

/** As a shell takes it; names from outside stay text. */
function quoted(text: string): string {
  const inert = safe(text);
  return /^[\w./:@%+=-]+$/.test(inert) && !inert.startsWith('-') ? inert : `'${inert.replaceAll("'", `'\\''`)}'`;
}
