/** `npm run loop`: docker-compose.yml on loopback with the real programs, until the story's denial has its answer back in Alertmanager. */
import { parseArgs } from 'node:util';
import { whatIsMissing } from './cluster/binaries.ts';
import { linkerdCrdsSkip } from './cluster/crds.ts';
import { runLoop, whatLoopMisses } from './loop/run.ts';

const HELP = `npm run loop -- [OPTIONS]

Starts the services of docker-compose.yml as processes on free loopback ports, with the same
configuration, and says when each step of the alarm loop came. Exit code 1 names the one that did not.

  --cluster     the policies in a real API server, the rule through the real Prometheus operator
  --within N    seconds that it may take (240)
  --help
`;

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      cluster: { type: 'boolean', default: false },
      within: { type: 'string', default: '240' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    process.stdout.write(HELP);
    return 0;
  }
  const within = Number(values.within);
  if (!(within > 0 && within <= 3600)) throw new Error(`--within ${values.within}: give seconds, at most 3600`);
  const missing = whatLoopMisses() ?? (values.cluster ? (whatIsMissing() ?? linkerdCrdsSkip) : null);
  if (missing !== null) throw new Error(missing);
  const stopped = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => stopped.abort());
  const say = (line: string) => process.stdout.write(`${line}\n`);
  return (await runLoop({ isCluster: values.cluster, within, say, signal: stopped.signal })) ? 0 : 1;
}

try {
  process.exitCode = await main();
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
