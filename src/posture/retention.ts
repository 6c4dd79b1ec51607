/** How long denials can be asked about: what Prometheus keeps, as it says itself, or as the arguments of its pod say where nobody asked it. */
import { scrapersIn } from '../access/standing.ts';
import { type Retention, readDuration } from '../evidence/metrics-retention.ts';
import { listOf } from '../policy/reading.ts';
import { isObject } from '../policy/selector.ts';
import type { Workload } from '../policy/workload.ts';
import type { Evidence, Judgement, PostureContext } from './practice.ts';
import { evidence, holds, showSpan, WEEK } from './wording.ts';

/** What is forgotten after hours cannot be asked about the next morning. */
export function remembered({ alerting: { prometheus, retention }, asks, snapshot }: PostureContext): Judgement {
  if (prometheus === null) return ofPods(scrapersIn(snapshot), `how long Prometheus keeps what it scraped: ${asks.prometheus}`);
  if (retention === null) {
    const why = `${prometheus} does not tell how long it keeps what it scraped`;
    return unknown('how long denials are remembered is not known', [{ text: 'no retention is told', source: prometheus }], why);
  }
  if ('why' in retention) {
    const shown = [{ text: retention.why, source: `retention of ${prometheus}` }];
    return unknown('Prometheus does not tell how long it remembers', shown, retention.remedy);
  }
  return judged('Prometheus', retention, [{ text: textOf(retention), source: `${retention.source} of ${prometheus}` }]);
}

/** The one that remembers longest is the one to ask. */
function ofPods(scrapers: readonly Workload[], ask: string): Judgement {
  const known = scrapers.flatMap((pod) => {
    const kept = writtenIn(pod);
    return kept === null ? [] : [{ pod, ...kept }];
  });
  const shown = known.map(({ pod, text }) => evidence(`--storage.tsdb.retention.time=${text}`, pod.resource));
  const [longest] = known.toSorted((a, b) => b.milliseconds - a.milliseconds);
  if (longest === undefined) return unknown('how long denials are remembered is not known', [], ask);
  const retention: Retention = { time: longest.milliseconds, size: null, source: '' };
  const found = judged(`Prometheus of ${longest.pod.ref.namespace}`, retention, shown);
  // A file of its own may say otherwise, and another one may remember longer.
  return known.length < scrapers.length && found.state !== 'holds' ? { ...found, state: 'unknown', lacking: [ask] } : found;
}

function judged(who: string, { time, size }: Retention, shown: readonly Evidence[]): Judgement {
  if (time === null) return unknown(`${who} remembers until ${size} are full`, shown, `how long ${size} last`);
  if (time >= WEEK && size !== null)
    return unknown(`${who} remembers ${showSpan(time)}, or less where ${size} are full before`, shown, `whether ${size} last for a week`);
  if (time >= WEEK) return holds(null, `${who} remembers ${showSpan(time)}`, shown);
  return {
    ...({ workload: null, state: 'partly', evidence: shown, lacking: [] } as const),
    found: `${who} forgets after ${showSpan(time)}: what was denied before nobody can ask`,
    next: { text: 'Keep a week at least (--storage.tsdb.retention.time), or let denywhy serve keep the incidents.', command: null },
  };
}

function unknown(found: string, shown: readonly Evidence[], lacking: string): Judgement {
  return { workload: null, state: 'unknown', found, evidence: shown, lacking: [lacking], next: null };
}

function textOf({ time, size }: Retention): string {
  return `it keeps ${[...(time === null ? [] : [showSpan(time)]), ...(size === null ? [] : [`${size} at most`])].join(', ')}`;
}

/** null: the arguments of the container do not say (15 days, unless a file says otherwise). */
function writtenIn({ resource }: Workload): { readonly text: string; readonly milliseconds: number } | null {
  const containers = isObject(resource.spec) ? listOf(resource.spec['containers']).filter(isObject) : [];
  const args = containers.filter(({ name }) => name === 'prometheus').flatMap((container) => listOf(container['args']));
  const texts = args.map((arg) => (typeof arg === 'string' ? (/^--storage\.tsdb\.retention\.time=(.*)$/.exec(arg)?.[1] ?? '') : ''));
  const text = texts.find((one) => readDuration(one) !== null);
  return text === undefined ? null : { text, milliseconds: readDuration(text) ?? 0 };
}
