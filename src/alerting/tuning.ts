/** The tuning file: one small YAML file with what a team wants otherwise. Its JSON Schema is published beside the rules. */
import * as z from 'zod';
import { InvalidInput } from '../errors.ts';
import { ALERT_NAMES, type AlertName } from './names.ts';
import { isLabelName } from './promql.ts';
import type { AlertTuning, Settings } from './settings.ts';

const UNIT_SECONDS = { s: 1, m: 60, h: 3600, d: 86_400 } as const;

/** Prometheus' durations of one unit: `90s`, `5m`, `1h`. */
const durationText = z.string().regex(/^[1-9]\d{0,4}[smhd]$/, 'must be a duration such as 90s, 5m or 1h');
const waitText = z.string().regex(/^(?:0|0s|[1-9]\d{0,4}[smhd])$/, 'must be a duration such as 5m, or 0s');
const threshold = z.number().nonnegative();
const severity = z.string().min(1).max(63);
const name = z.string().min(1).max(253);
const alertName = z.enum(ALERT_NAMES);

const selection = {
  alerts: z.array(alertName).min(1).optional().describe('Which alerts; left out, all about denied traffic.'),
  namespace: name.optional(),
  workloadKind: name.optional().describe('Deployment, StatefulSet, DaemonSet, Job, …'),
  workload: name.optional().describe('Name of the workload that denies.'),
  server: name.optional().describe('srv_name: a Server, or a default policy such as deny.'),
  route: name.optional(),
};

const alertTuning = z
  .strictObject({
    enabled: z.boolean().optional(),
    threshold: threshold.optional().describe('The rule fires above it.'),
    severity: severity.optional(),
    for: waitText.optional().describe('How long it must last. A single denial lasts one window.'),
  })
  .describe('One alert, everywhere.');

const schema = z
  .strictObject({
    clusterLabel: z.string().refine(isLabelName, 'must be a label name').optional().describe('The label that tells clusters apart.'),
    window: durationText.optional().describe('How long a denial counts as now; at least twice the scrape interval. Default 5m.'),
    lookback: durationText.optional().describe('How long a gap in the scrapes may last before its end looks like news. Default 1h.'),
    keepFiringFor: waitText.optional().describe('How long an alert stays after its last denial left the window. Default 5m.'),
    interval: durationText.optional().describe('Between evaluations. Default: the server’s.'),
    queryOffset: durationText.optional().describe('For samples that arrive late by remote write (Prometheus 2.53).'),
    runbookUrl: z
      .url({ protocol: /^https?$/ })
      .optional()
      .describe('%s stands for the alert’s name.'),
    ratioFloor: threshold.optional().describe('The least denials in the window for LinkerdDenialRatioHigh.'),
    denywhyJob: name.optional().describe('Prometheus’ job of denywhy itself. Default denywhy.'),
    alerts: z.partialRecord(alertName, alertTuning).optional(),
    mutes: z
      .array(z.strictObject({ ...selection, reason: z.string().max(500).describe('Why; for those who read this file.') }))
      .max(100)
      .optional()
      .describe('Denials that are as they should be.'),
    overrides: z
      .array(z.strictObject({ ...selection, threshold: threshold.optional(), severity: severity.optional() }))
      .max(100)
      .optional()
      .describe('Part of the traffic otherwise than the rest; the first that fits counts.'),
  })
  .describe('How denywhy’s alert rules are to differ from the default ones.');

/** Its JSON Schema (draft 2020-12), as an object. */
export function tuningSchema(): object {
  return { ...z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }), title: 'denywhy rules: tuning' };
}

/** `value`: the file, parsed. Errors: InvalidInput with every fault; `file` names it. */
export function readTuning(value: unknown, file: string, base: Settings): Settings {
  const read = schema.safeParse(value ?? {});
  if (!read.success) throw faults(read.error, file);
  const { window, lookback, keepFiringFor, interval, queryOffset, alerts, mutes, overrides, ...plain } = read.data;
  const seconds = (text: string | undefined, fallback: number) => (text === undefined ? fallback : readDuration(text));
  const settings: Settings = {
    ...base,
    ...present(plain),
    window: seconds(window, base.window),
    lookback: seconds(lookback, base.lookback),
    keepFiringFor: seconds(keepFiringFor, base.keepFiringFor),
    interval: interval === undefined ? base.interval : readDuration(interval),
    queryOffset: queryOffset === undefined ? base.queryOffset : readDuration(queryOffset),
    alerts: new Map(Object.entries(alerts ?? {}).map(([alert, tuned]) => [alert as AlertName, tuningOf(tuned)])),
    mutes: (mutes ?? []).map(({ reason: _, ...mute }) => present(mute)),
    overrides: (overrides ?? []).map(present),
  };
  refuseEndless(settings, file);
  if (settings.lookback < 2 * settings.window)
    throw new InvalidInput('lookback: is less than two windows, so that a gap in the scrapes would look like news.', 'Make it longer.', {
      file,
    });
  return settings;
}

type TuningText = z.infer<typeof alertTuning>;

function tuningOf({ enabled, threshold: above, severity: level, for: wait }: TuningText = {}): AlertTuning {
  return {
    enabled: enabled ?? true,
    threshold: above ?? null,
    severity: level ?? null,
    for: wait === undefined ? null : readDuration(wait),
  };
}

function readDuration(text: string): number {
  const unit = text.at(-1) as keyof typeof UNIT_SECONDS;
  return Number.parseInt(text, 10) * (UNIT_SECONDS[unit] ?? 1);
}

type Present<T> = { [K in keyof T]: Exclude<T[K], undefined> };

function present<T extends object>(value: T): Present<T> {
  return Object.fromEntries(Object.entries(value).filter(([, part]) => part !== undefined)) as Present<T>;
}

/** Denials are seen for one window: what waits longer never fires. */
function refuseEndless({ window, alerts }: Settings, file: string): void {
  const waits = [...alerts].filter(([alert]) => SEEN_FOR_ONE_WINDOW.has(alert)).map(([, tuned]) => tuned);
  if (waits.every(({ for: wait }) => (wait ?? 0) < window)) return;
  throw new InvalidInput(
    'for: an alert that waits as long as the window, or longer, never fires on a single denial.',
    'Leave `for` out, or make `window` longer; keepFiringFor makes an alert stay.',
    { file },
  );
}

const SEEN_FOR_ONE_WINDOW: ReadonlySet<AlertName> = new Set<AlertName>([
  'LinkerdRequestsDenied',
  'LinkerdConnectionsDenied',
  'LinkerdRouteNotFound',
  'LinkerdConnectionsTerminated',
  'LinkerdAuditHits',
  'LinkerdRateLimited',
  'LinkerdConnectionsRefusedBeforePolicy',
  'LinkerdIdentityLost',
]);

function faults(error: z.ZodError, file: string): InvalidInput {
  const lines = error.issues
    .slice(0, 20)
    .map((issue) => `${issue.path.map(String).join('.').slice(0, 200) || 'the file'}: ${sayIssue(issue)}`);
  return new InvalidInput(
    `not a tuning file: ${lines.join('; ')}`,
    'Its schema is rules/tuning.schema.json; docs/rules.md has an example.',
    { file },
  );
}

function sayIssue(issue: z.core.$ZodIssue): string {
  if (issue.code !== 'unrecognized_keys') return issue.message;
  const known = issue.path.at(0) === 'alerts' && issue.path.length === 1 ? `; the alerts are ${ALERT_NAMES.join(', ')}` : '';
  return `there is no such key: ${issue.keys
    .slice(0, 5)
    .map((key) => JSON.stringify(key.slice(0, 100)))
    .join(', ')}${known}`;
}
