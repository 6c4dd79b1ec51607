/** Proxies that Prometheus cannot read: what they deny is seen by no rule. Pure. */
import type { Reporter, Symptom } from '../evidence/facts.ts';
import type { ScrapeTarget } from '../evidence/metrics-json.ts';
import { createMetricsReader } from '../evidence/metrics-reader.ts';
import type { Instant } from '../policy/resource.ts';

export interface Blindness {
  /** Those that are worth an incident, and are not said again before `again`. */
  readonly facts: readonly Symptom[];
  /** By policy: the answer was 403. */
  readonly refused: readonly Reporter[];
  /** For a while, for another reason. */
  readonly failed: readonly Reporter[];
}

export interface BlindnessWatch {
  /** The targets as they are at `now`. */
  see(targets: readonly ScrapeTarget[], reporter: Reporter, now: Instant): Blindness;
}

interface Down {
  readonly since: Instant;
  saidAt: Instant | null;
}

/** Pods that start or end fail to be read for some scrapes, which is nobody's trouble; a 403 is one at once. */
const PATIENCE = 2 * 60_000;
/** A lasting trouble keeps its incident open. */
const AGAIN = 5 * 60_000;
/** Most targets that are followed. */
const MOST = 20_000;

export function createBlindnessWatch(): BlindnessWatch {
  let down = new Map<string, Down>();
  return {
    see(targets, reporter, now) {
      const still = new Map<string, Down>();
      const facts: Symptom[] = [];
      const refused: Reporter[] = [];
      const failed: Reporter[] = [];
      for (const target of targets) {
        const symptom = symptomOf(target, reporter);
        if (symptom === null || still.size >= MOST) continue;
        const known = down.get(symptom.source.raw) ?? { since: now, saidAt: null };
        still.set(symptom.source.raw, known);
        const isRefused = symptom.kind === 'scrape-refused';
        if (!isRefused && now - known.since < PATIENCE) continue;
        (isRefused ? refused : failed).push(symptom.reporter);
        if (known.saidAt !== null && now - known.saidAt < AGAIN) continue;
        known.saidAt = now;
        facts.push(symptom);
      }
      down = still;
      return { facts, refused, failed };
    },
  };
}

/** null: it is up, or no proxy. */
function symptomOf(target: ScrapeTarget, reporter: Reporter): Symptom | null {
  const reader = createMetricsReader();
  reader.begin({ name: '/api/v1/targets', reporter, at: null });
  reader.addTarget(target);
  const [fact] = reader.take();
  return fact?.type === 'symptom' ? fact : null;
}

const SHOWN = 5;

/** For people; empty: nothing is blind. */
export function showBlindness({ refused, failed }: Pick<Blindness, 'refused' | 'failed'>): readonly string[] {
  const names = (reporters: readonly Reporter[]) => {
    const shown = reporters.slice(0, SHOWN).map(({ namespace, pod }) => `${namespace ?? '?'}/${pod ?? '?'}`);
    return `${shown.join(', ')}${reporters.length > SHOWN ? ', …' : ''}`;
  };
  const many = (count: number, verb: string) => (count === 1 ? `1 proxy ${verb}s` : `${count} proxies ${verb}`);
  return [
    ...(refused.length === 0
      ? []
      : [
          `${many(refused.length, 'refuse')} Prometheus by policy (403 on port 4191), so that no rule sees what is denied there: ${names(refused)}. Allow Prometheus there: linkerd viz allow-scrapes shows the objects.`,
        ]),
    ...(failed.length === 0
      ? []
      : [
          `Prometheus cannot read ${failed.length === 1 ? '1 proxy' : `${failed.length} proxies`}: ${names(failed)}. Its page of targets says why.`,
        ]),
  ];
}
