/** Whoever is not named is refused: the default policy of each workload's pods, and who wrote it. */
import type { EnforcedPort } from '../access/enforced.ts';
import type { DefaultSource } from '../access/rollout.ts';
import type { DefaultPolicy } from '../policy/inbound.ts';
import type { Resource } from '../policy/resource.ts';
import { isObject } from '../policy/selector.ts';
import { resourcesOfKind } from '../policy/snapshot.ts';
import { ANNOTATION } from '../policy/workload.ts';
import { whyNoProxy } from './outside.ts';
import type { Evidence, Judgement, PostureContext, PostureWorkload, Practice } from './practice.ts';
import { evidence, holds, nameOf, objectOf, quoted, showPort } from './wording.ts';

const KEY = ANNOTATION.defaultInboundPolicy;

export const defaultDeny: Practice = {
  id: 'default-deny',
  title: 'default deny is in force',
  judge: (context, namespace) => context.workloadsIn(namespace).map((workload) => judgeOne(context, workload)),
};

/** What each lets in that nobody named. */
const LETS_IN: Readonly<Record<Exclude<DefaultPolicy, 'deny'>, string>> = {
  'all-unauthenticated': 'lets everyone in',
  'cluster-unauthenticated': 'lets everyone of the cluster’s networks in',
  'all-authenticated': 'lets every mesh identity in',
  'cluster-authenticated': 'lets every mesh identity of the cluster’s networks in',
  audit: 'lets everyone in, and logs it',
};

function judgeOne(context: PostureContext, workload: PostureWorkload): Judgement {
  const { defaults, ref } = workload;
  const name = nameOf(workload);
  if (defaults === null) return unmeshed(context, workload);
  const { policy, source } = defaults;
  const shown = [writtenBy(context, workload, source)];
  const pending = workload.pending.find(({ change }) => change.key === KEY);
  const restart = `kubectl rollout restart -n ${quoted(ref.namespace)} ${quoted(name)}`;
  if (policy === 'deny') {
    if (pending === undefined) return holds(name, 'default policy deny', shown);
    const becomes = pending.change.next ?? 'the cluster’s default';
    return {
      ...{
        workload: name,
        state: 'partly',
        found: `default policy deny, until a restart makes it ${becomes}`,
        evidence: shown,
        lacking: [],
      },
      next: { text: `Write deny where ${pending.change.by} says otherwise.`, command: annotate(ref.namespace) },
    };
  }
  if (pending?.change.next === 'deny')
    return {
      ...{ workload: name, state: 'partly', evidence: shown, lacking: [] },
      found: `default policy ${policy}, although the ${pending.change.by} says deny: its pods are older`,
      next: { text: 'Its pods take the annotation when they are made anew.', command: restart },
    };
  const next = { text: 'The plan grants what was seen first.', command: planCommand(ref.namespace) };
  const asking = identityAsked(workload);
  const except = asking.length === 0 ? '' : `, but for ${asking.join(', ')}: there it asks for an identity`;
  const found = `default policy ${policy} ${LETS_IN[policy]} on ports that no Server takes${except}`;
  if (source === 'cluster' && context.settings.origins.defaultPolicy === 'linkerd-default')
    return {
      workload: name,
      state: 'unknown',
      found: `${found}, if the cluster has Linkerd’s default`,
      evidence: shown,
      lacking: [`the cluster’s default policy: ${context.asks.defaultPolicy}`],
      next,
    };
  const state = policy === 'all-unauthenticated' && asking.length === 0 ? 'not' : 'partly';
  return { workload: name, state, found, evidence: shown, lacking: [], next };
}

/** Ports of config.linkerd.io/proxy-require-identity-inbound-ports, for which an unauthenticated default is not in force. */
function identityAsked({ defaults, ports }: PostureWorkload): readonly string[] {
  if (defaults?.policy.endsWith('-unauthenticated') !== true) return [];
  const asks = ({ policy }: EnforcedPort) =>
    policy.server === null &&
    policy.authorizations.every(({ ref, authentication }) => ref.name === 'probe' || authentication.type !== 'unauthenticated');
  return ports.filter(asks).map(({ port, names }) => showPort(port, names));
}

/** In a namespace that has meshed pods, or asks for them. */
function unmeshed({ snapshot }: PostureContext, workload: PostureWorkload): Judgement {
  const { ref, pending } = workload;
  const name = nameOf(workload);
  const why = whyNoProxy(resourcesOfKind(snapshot, '', 'Namespace', '').get(ref.namespace) ?? null, workload);
  const shown = [evidence(`no container linkerd-proxy${why === null ? '' : `: ${why}`}`, objectOf(workload))];
  const base = { workload: name, evidence: shown, lacking: [] };
  if (isOutsideByIntent(workload))
    return {
      ...{ ...base, state: 'partly' },
      found: 'stays outside the mesh by intent: NetworkPolicy alone can refuse there',
      next: { text: 'A NetworkPolicy for whom it serves; or take out what keeps it from the mesh.', command: null },
    };
  const found = 'no proxy: Linkerd enforces nothing here';
  if (pending.some(({ change }) => change.what === 'injection'))
    return {
      ...{ ...base, state: 'not', found },
      next: { text: 'It gets one with a restart.', command: `kubectl rollout restart -n ${quoted(ref.namespace)} ${quoted(name)}` },
    };
  return {
    ...{ ...base, state: 'not', found },
    next: {
      text: 'Mesh it; or write linkerd.io/inject: disabled into its template, where it has a reason to stay outside.',
      command: `kubectl get -n ${quoted(ref.namespace)} ${quoted(name)} -o yaml | linkerd inject - | kubectl apply -f -`,
    },
  };
}

/** The injector does nothing about the network of a node, and what an annotation says was written for a reason. */
function isOutsideByIntent({ pods }: PostureWorkload): boolean {
  return pods.every(
    ({ resource: { spec, metadata } }) =>
      metadata.annotations?.['linkerd.io/inject'] === 'disabled' || (isObject(spec) && spec['hostNetwork'] === true),
  );
}

function writtenBy(context: PostureContext, workload: PostureWorkload, source: DefaultSource): Evidence {
  const pod = workload.pods.find(({ meshed }) => meshed)?.resource ?? objectOf(workload);
  const namespace = resourcesOfKind(context.snapshot, '', 'Namespace', '').get(workload.ref.namespace);
  const object: Readonly<Record<Exclude<DefaultSource, 'cluster'>, Resource>> = {
    pod,
    template: objectOf(workload),
    namespace: namespace ?? pod,
  };
  if (source !== 'cluster') return evidence(`${KEY}: ${workload.defaults?.policy}`, object[source]);
  const { defaultPolicy } = context.settings.origins;
  return { text: `no annotation ${KEY}: the cluster’s default is ${context.snapshot.info.defaultPolicy}`, source: ORIGIN[defaultPolicy] };
}

const ORIGIN = {
  'policy-container-args': 'arguments of the policy controller',
  'linkerd-config': 'ConfigMap linkerd-config',
  flag: 'the command line',
  'linkerd-default': 'Linkerd’s own default, assumed',
} as const;

function annotate(namespace: string): string {
  return `kubectl annotate --overwrite namespace ${quoted(namespace)} ${KEY}=deny`;
}

function planCommand(namespace: string): string {
  return `denywhy generate -n ${quoted(namespace)}`;
}
