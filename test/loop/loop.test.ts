/** The alarm loop with the real programs, and that it says so when a step does not come; and what a real Prometheus makes of the exposed pages. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { createInputs } from '../../src/drivers/inputs.ts';
import { openRecording } from '../../src/drivers/recording.ts';
import { alertmanagerSkip } from '../alertmanager.ts';
import { prometheusSkip } from '../prometheus.ts';
import { redisSkip } from '../redis.ts';
import { type Compose, readCompose } from './compose.ts';
import { mountFiles, PROJECT, placesIn } from './places.ts';
import { startProcesses } from './processes.ts';
import { runLoop } from './run.ts';

const skip = prometheusSkip ?? alertmanagerSkip ?? redisSkip;
const signal = new AbortController().signal;

describe.skipIf(skip !== null)(`the alarm loop${skip === null ? '' : ` [${skip}]`}`, () => {
  it('comes round: counter, rule, webhook, explanation, and the answer in Alertmanager', { timeout: 300_000 }, async () => {
    const lines: string[] = [];
    const isDone = await runLoop({ isCluster: false, within: 240, say: (line) => lines.push(line), signal });
    expect(isDone, lines.join('\n')).toBe(true);
    const steps = lines.map((line) => /^ *\d+\.\d s {2}([^:]+): /.exec(line)?.[1]).filter((step) => step !== 'answered from logs alone');
    expect(steps).toEqual(['story begins', 'counter moved', 'rule fired', 'webhook taken', 'explained', 'answer back in Alertmanager']);
    expect(lines.find((line) => line.includes('explained: '))).toContain('MeshTLSAuthentication production/frontend-mtls');
  });

  it('names the step that did not come', { timeout: 120_000 }, async () => {
    const lines: string[] = [];
    // The denial is 36 seconds after the story's beginning.
    expect(await runLoop({ isCluster: false, within: 20, say: (line) => lines.push(line), signal })).toBe(false);
    expect(lines.at(-1)).toMatch(/^did not come within \d+ s: (?:counter moved|story begins) \(.+\)$/);
  });
});

describe.skipIf(prometheusSkip !== null)(`a real Prometheus${prometheusSkip === null ? '' : ` [${prometheusSkip}]`}`, () => {
  it('finds and scrapes the exposed pages: every series has the labels with which it was recorded', { timeout: 120_000 }, async () => {
    const directory = mkdtempSync(join(tmpdir(), 'denywhy-scrape-'));
    const places = await placesIn(directory);
    const compose = onlyScraping(readCompose(join(PROJECT, 'docker-compose.yml')));
    mountFiles(compose, places);
    const processes = startProcesses(compose, directory, (name) => places.command(compose.services[name] ?? { image: '', command: [] }));
    const series = async () => {
      const response = await fetch(
        `${places.urls.prometheus}/api/v1/query?query=${encodeURIComponent('{job="linkerd-proxy",__name__=~".*_total"}')}`,
      );
      const { data } = (await response.json()) as { data: { result: readonly { metric: Record<string, string> }[] } };
      return data.result.map(({ metric: { __name__: name, ...labels } }) => keyOf(name ?? '', Object.entries(labels)));
    };
    try {
      const recorded = await recordedSeries();
      await expect
        .poll(async () => (await series().catch(() => [])).filter((one) => one.includes('deny')).length, { timeout: 90_000, interval: 500 })
        .toBeGreaterThan(1);
      const scraped = await series();
      expect(scraped.filter((one) => !recorded.has(one))).toEqual([]);
      const { data } = (await (await fetch(`${places.urls.prometheus}/api/v1/targets?state=active`)).json()) as {
        data: { activeTargets: { labels: { job: string }; health: string }[] };
      };
      expect(data.activeTargets.filter(({ labels: { job } }) => job === 'linkerd-proxy')).toHaveLength(7);
    } finally {
      await processes.stop();
      rmSync(directory, { recursive: true, force: true });
    }
  });
});

/** Prometheus and the exporter, for whom nobody takes logs. */
function onlyScraping({ services, ...rest }: Compose): Compose {
  const some = Object.fromEntries(
    ['tokens', 'exporter', 'prometheus'].flatMap((name) => Object.entries(services).filter(([other]) => other === name)),
  );
  const { exporter } = some;
  if (exporter === undefined) throw new Error('there is no exporter');
  return {
    ...rest,
    services: { ...some, exporter: { ...exporter, command: exporter.command.slice(0, exporter.command.indexOf('--to')) } },
  };
}

async function recordedSeries(): Promise<ReadonlySet<string>> {
  const recording = await openRecording(join(PROJECT, 'demo'), createInputs({ stdin: Readable.from([]) }));
  const series = new Set<string>();
  for await (const event of recording.events())
    if (event.kind === 'samples') for (const { metric, labels } of event.samples) series.add(keyOf(metric, [...labels]));
  return series;
}

function keyOf(metric: string, labels: readonly (readonly [string, string])[]): string {
  return JSON.stringify([metric, ...labels.toSorted(([one], [other]) => (one < other ? -1 : 1))]);
}
