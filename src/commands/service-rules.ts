/** The service's answer about the alert rules: what its Prometheus says of them, and who takes the manifests that its cluster holds. */
import { rulePack } from '../alerting/pack.ts';
import { type ReportedRule, ruleReport } from '../alerting/rule-report.ts';
import { DEFAULTS, type Settings } from '../alerting/settings.ts';
import { createRuleServer } from '../drivers/rules-prometheus.ts';
import type { Upstream } from '../drivers/upstream.ts';
import type { KnownRules } from '../http/options.ts';
import { withoutPrometheus } from '../http/rules.ts';
import type { Resource } from '../policy/resource.ts';
import { resourcesOfKind, type Snapshot } from '../policy/snapshot.ts';
import { manifestsIn, orUnread } from './check-facts.ts';
import type { PolicySource } from './policy-known.ts';
import { learnFrom } from './rules.ts';

/** `upstream` null: none is configured. Who asks at the same time gets the same. */
export function createRulesKnown(upstream: Upstream | null, policy: Pick<PolicySource, 'current'>): () => Promise<KnownRules> {
  let running: Promise<KnownRules> | null = null;
  return () => {
    running ??= known(upstream, policy).finally(() => {
      running = null;
    });
    return running;
  };
}

async function known(upstream: Upstream | null, policy: Pick<PolicySource, 'current'>): Promise<KnownRules> {
  const asked = upstream === null ? null : await orUnread(() => ask(upstream));
  const settings = asked === null || 'why' in asked ? DEFAULTS : asked.settings;
  const snapshot = policy.current()?.view.at(null) ?? null;
  const manifests = snapshot === null ? null : manifestsIn(alertingObjects(snapshot), settings);
  if (upstream === null || asked === null) return withoutPrometheus(manifests);
  const { place: prometheus } = upstream;
  if ('why' in asked)
    return { prometheus, manifests, remarks: [], rules: ruleReport(settings, null), fault: { message: asked.why, remedy: asked.remedy } };
  const { remarks, rules } = asked;
  return { prometheus, manifests, remarks, rules, fault: null };
}

interface Asked {
  readonly settings: Settings;
  readonly remarks: readonly string[];
  readonly rules: readonly ReportedRule[];
}

async function ask(upstream: Upstream): Promise<Asked> {
  const server = createRuleServer(upstream);
  const [{ settings, notices }, running] = await Promise.all([learnFrom(server), server.rules()]);
  return { settings, remarks: [...notices, ...rulePack(settings).notices], rules: ruleReport(settings, running) };
}

const KINDS = [
  ['monitoring.coreos.com', 'Prometheus'],
  ['monitoring.coreos.com', 'PrometheusRule'],
] as const;

function alertingObjects(snapshot: Snapshot): readonly Resource[] {
  const namespaces = resourcesOfKind(snapshot, '', 'Namespace', '');
  const objects = [...snapshot.namespaces.keys()].flatMap((namespace) =>
    KINDS.flatMap(([group, kind]) => [...resourcesOfKind(snapshot, group, kind, namespace).values()]),
  );
  return [...namespaces.values(), ...objects];
}
