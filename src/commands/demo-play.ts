/** Plays a recording: every event in its order to the reader that is made for it; what is left is what explaining needs. */

import type { RecordedEvent, RecordedLog, Recording } from '../drivers/recording.ts';
import { InvalidInput } from '../errors.ts';
import { type AlertFact, parseWebhook } from '../evidence/alert.ts';
import type { Fact } from '../evidence/facts.ts';
import { createLogParser, type LogParser } from '../evidence/log.ts';
import { createMetricsReader } from '../evidence/metrics-reader.ts';
import { createTally, type Tally } from '../evidence/tally.ts';
import type { Change, Instant } from '../policy/resource.ts';
import type { Notice } from '../ports.ts';
import type { LogRead } from './explain-evidence.ts';

export interface Played {
  readonly tally: Tally;
  readonly changes: readonly Change[];
  /** Each alert once, as it was last sent: those that differ in their labels or in when they began. */
  readonly alerts: readonly AlertFact[];
  readonly logs: readonly LogRead[];
  readonly counts: PlayedCounts;
  /** The first and the last event that has a time; null: none has. */
  readonly from: Instant | null;
  readonly to: Instant | null;
  readonly notices: readonly Notice[];
}

export interface PlayedCounts {
  lines: number;
  /** Samples of the metrics that facts are made of. */
  samples: number;
  webhooks: number;
  changes: number;
}

const MAX_ALERTS = 10_000;
const NOWHERE = { cluster: '', namespace: null, pod: null, workload: null };

/** `onEvent` is called with the time and what was counted until then. Errors: InvalidInput. */
export async function play(recording: Recording, onEvent: (at: Instant | null, counts: Readonly<PlayedCounts>) => void): Promise<Played> {
  const counts: PlayedCounts = { lines: 0, samples: 0, webhooks: 0, changes: 0 };
  const tally = createTally();
  const changes: Change[] = [];
  const notices: Notice[] = [...recording.notices];
  const logs = createLogs();
  const alerts = createAlerts(notices);
  const metrics = createMetricsReader();
  metrics.begin({ name: recording.directory, reporter: NOWHERE, at: null });
  let [from, to]: [Instant | null, Instant | null] = [null, null];

  const add = (facts: readonly Fact[]) => {
    for (const fact of facts) tally.add(fact);
  };
  const take = (event: RecordedEvent) => {
    switch (event.kind) {
      case 'policy':
        counts.changes++;
        changes.push(event.change);
        return;
      case 'log':
        counts.lines++;
        add(logs.push(event.log, event.text, event.line));
        return;
      case 'samples':
        counts.samples += event.samples.length;
        for (const sample of event.samples) metrics.add(sample);
        add(metrics.take());
        return;
      case 'webhook':
        counts.webhooks++;
        alerts.add(event);
    }
  };

  for await (const event of recording.events()) {
    from ??= event.at;
    to = event.at ?? to;
    take(event);
    onEvent(event.at, counts);
  }
  add(logs.end());
  const { overLimit } = metrics.stats;
  if (overLimit > 0) {
    notices.push({ where: recording.directory, message: `${overLimit} samples belong to more series than are counted at a time.` });
  }
  return { tally, changes, alerts: alerts.all(), logs: logs.read(), counts, from, to, notices };
}

interface Logs {
  push(log: RecordedLog, text: string, line: number): readonly Fact[];
  /** The facts that still waited. Errors: InvalidInput for a log of which no line was understood. */
  end(): readonly Fact[];
  read(): readonly LogRead[];
}

function createLogs(): Logs {
  const parsers = new Map<string, LogParser>();
  return {
    push({ file, namespace, pod }, text, line) {
      const known = parsers.get(file);
      const parser = known ?? createLogParser({ name: file, reporter: { namespace, pod } });
      if (known === undefined) parsers.set(file, parser);
      return parser.push(text, line);
    },
    end() {
      for (const [file, { stats }] of parsers) {
        const [sample] = stats.samples;
        if (sample === undefined || stats.parsed + stats.irrelevant > 0) continue;
        throw new InvalidInput('No line of this log is one that Linkerd writes.', 'Take the log of container linkerd-proxy.', {
          file,
          line: sample.line,
        });
      }
      return [...parsers.values()].flatMap((parser) => parser.flush());
    },
    read: () => [...parsers].map(([name, { stats }]) => ({ name, stats })),
  };
}

interface Alerts {
  add(event: Extract<RecordedEvent, { readonly kind: 'webhook' }>): void;
  all(): readonly AlertFact[];
}

function createAlerts(notices: Notice[]): Alerts {
  const alerts = new Map<string, AlertFact>();
  return {
    add({ body, file, line }) {
      const { alerts: sent, quarantined } = readBody(body, file, line);
      for (const alert of sent) {
        const key = JSON.stringify([alert.startsAt, [...alert.labels].sort()]);
        const known = alerts.get(key);
        // A firing alert that is overtaken by the news of its end stays ended.
        if (known?.status === 'resolved' || (known === undefined && alerts.size >= MAX_ALERTS)) continue;
        alerts.set(key, alert);
      }
      for (const { index, why } of quarantined)
        notices.push({ where: `${file}:${line}`, message: `Alert ${index + 1} cannot be read: ${why}` });
    },
    all: () => [...alerts.values()],
  };
}

function readBody(body: unknown, file: string, line: number): ReturnType<typeof parseWebhook> {
  try {
    return parseWebhook(body);
  } catch (error) {
    if (error instanceof InvalidInput && error.place === null) throw new InvalidInput(error.message, error.remedy, { file, line });
    throw error;
  }
}
