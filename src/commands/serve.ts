/** `denywhy serve`: the service, until it is told to end. */
import { once } from 'node:events';
import { loadConfig } from '../config.ts';
import { createLogger, type Logger } from '../telemetry.ts';
import type { Command } from './command.ts';
import { type Service, startService } from './service.ts';

const EXAMPLES = `
Examples:
  $ denywhy serve
  $ DENYWHY_CLUSTER_MANIFESTS=policies/ denywhy serve
  $ denywhy serve --config denywhy.yaml

The log is JSON, one object per line, on stdout. denywhy config shows the
configuration; docs/serve.md and docs/configuration.md explain it.
`;

/** Past this the process ends, whatever still runs: orchestrators kill after a while, and what was acknowledged is on disk. */
const LONGEST_SHUTDOWN = 10_000;

export const serve: Command = {
  name: 'serve',
  register(subcommand) {
    subcommand
      .description('take in alerts, logs and metrics, keep incidents, and explain them')
      .option('--config <file>', 'configuration in YAML; the environment (DENYWHY_…) goes before it')
      .addHelpText('after', EXAMPLES);
  },
  async run(subcommand, io) {
    const { config } = loadConfig(io.env, subcommand.opts<{ config?: string }>().config ?? null);
    const logger = createLogger(io.stdout, config.log.level);
    // Asked to end while it starts, it ends when it has started.
    const heard = new AbortController();
    const asked = Promise.race(['SIGTERM', 'SIGINT'].map((name) => once(process, name, { signal: heard.signal }).then(() => name)));
    asked.catch(() => {});
    try {
      const service = await startService(config, logger, io.env);
      await end(service, await asked, logger);
    } finally {
      heard.abort();
    }
    return 0;
  },
};

async function end(service: Service, signal: string, logger: Logger): Promise<void> {
  logger.info({ signal }, 'denywhy ends');
  const timer = setTimeout(() => process.exit(0), LONGEST_SHUTDOWN);
  const leave = () => process.exit(130);
  process.once('SIGINT', leave);
  await service.close();
  clearTimeout(timer);
  process.removeListener('SIGINT', leave);
}
