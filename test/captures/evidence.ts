/** A situation's logs and pages, read into one tally as the program reads them. */
import { InvalidInput } from '../../src/errors.ts';
import type { Reporter } from '../../src/evidence/facts.ts';
import { createLogParser } from '../../src/evidence/log.ts';
import { createMetricsInput } from '../../src/evidence/metrics.ts';
import { createMetricsReader } from '../../src/evidence/metrics-reader.ts';
import type { Tally } from '../../src/evidence/tally.ts';
import type { Folder } from './report.ts';

/** Proxies of clients, by `NAMESPACE-APP` as their files are named. */
export type ClientProxies = ReadonlyMap<string, Reporter>;

const CONTROLLER: Reporter = { cluster: '', namespace: null, pod: null, workload: null };

/** The server's log, the policy controller's and the clients'. */
export function addLogs(folder: Folder, tally: Pick<Tally, 'add'>, clients: ClientProxies, server: Reporter): void {
  addLog(folder, 'server-proxy.log', server, tally);
  addLog(folder, 'policy-controller.log', CONTROLLER, tally);
  for (const [name, reporter] of clients) addLog(folder, `client-${name}-proxy.log`, reporter, tally);
}

function addLog(folder: Folder, file: string, reporter: Reporter, tally: Pick<Tally, 'add'>): void {
  const text = folder.read(file);
  if (text === null) return;
  const parser = createLogParser({ name: file, reporter });
  for (const fact of [...parser.push(text.replace(/\n$/, '')), ...parser.flush()]) tally.add(fact);
}

/** The server's pages before and after the traffic; a client's has nothing before it. */
export function addMetrics(folder: Folder, tally: Pick<Tally, 'add'>, clients: ClientProxies, server: Reporter): void {
  const reader = createMetricsReader();
  const page = (file: string, reporter: Reporter) => {
    const text = folder.read(file) ?? '';
    if (text.trim() === '') return;
    const input = createMetricsInput(reader, { name: file, reporter, at: null });
    input.push(text);
    try {
      input.end();
    } catch (error) {
      // Some pages were recorded without a single metric.
      if (!(error instanceof InvalidInput)) throw error;
    }
    for (const fact of reader.take()) tally.add(fact);
  };
  page('server-metrics-before.prom', server);
  page('server-metrics-after.prom', server);
  for (const [name, reporter] of clients) page(`client-${name}-metrics.prom`, reporter);
}
