import type { ReactNode } from 'react';
import type { Considered, ExplainedClient, NetworkAnswer, Target } from './explanation.ts';
import { inert, short } from './inert.ts';
import { Icon, type Shape } from './marks.tsx';
import { Card } from './parts.tsx';
import { count, labelName, refName } from './words.ts';

type Mark = 'yes' | 'no' | 'ask' | 'warn' | 'none';

interface Step {
  readonly mark: Mark;
  readonly name: string;
  readonly object: string;
  readonly reason: string;
  readonly decides?: boolean;
}

const MARKS: Readonly<Record<Mark, readonly [shape: Shape, word: string]>> = {
  yes: ['check', 'passes'],
  no: ['cross', 'refuses'],
  ask: ['ask', 'undecided'],
  warn: ['warn', 'warning'],
  none: ['dash', 'not concerned'],
};

/** The way of the request through the policy, as a stack trace is read. */
export function DecisionCard({ client, target }: { readonly client: ExplainedClient; readonly target: Target }): ReactNode {
  return (
    <Card title="Decision, step by step" note={`for ${count(target.count, 'denial')} of this client`}>
      <ol className="steps">
        {stepsOf(client, target).map((step) => (
          <li key={`${step.name} ${step.object} ${step.reason}`} className={`${step.mark}${step.decides === true ? ' decides' : ''}`}>
            <span className="mark" role="img" aria-label={MARKS[step.mark][1]}>
              <Icon shape={MARKS[step.mark][0]} />
            </span>
            <span className="name">{step.name}</span>
            <code>{short(step.object, 120)}</code>
            <span className="reason">{short(step.reason, 400)}</span>
          </li>
        ))}
      </ol>
      {target.undecidedFor.length > 0 && <p>Undecided for want of: {inert(target.undecidedFor.join(', '))}.</p>}
      {target.agrees === false && (
        <p className="trouble">The policy that is known says otherwise than the proxy did: it may be of another moment.</p>
      )}
    </Card>
  );
}

function stepsOf(client: ExplainedClient, target: Target): readonly Step[] {
  const { port, portName, policy, verdict, decision } = target;
  const last: Step = { mark: verdictMark(verdict), name: 'Verdict', object: verdictWords(target), reason: decision.sentence };
  return [
    clientStep(client),
    ...networkSteps(target.networkPolicy),
    {
      mark: 'yes',
      name: 'Port',
      object: `${port ?? 'unknown'}${portName === null ? '' : ` ${portName}`}`,
      reason: target.networkPolicy === null ? '' : `Over the wire: port ${target.networkPolicy.wire.port}.`,
    },
    serverStep(target),
    ...routeSteps(target),
    ...target.considered.map((one) => authorizationStep(one, target)),
    ...excludedSteps(target),
    ...(policy === null && target.considered.length === 0
      ? [{ mark: 'ask' as const, name: 'Policy', object: 'unknown', reason: 'No policy objects of that moment are known.' }]
      : []),
    last,
  ];
}

function clientStep({ client: { workload, serviceAccount, identity, ips, meshed, node } }: ExplainedClient): Step {
  const owner = workload ?? serviceAccount;
  const object = owner === null ? (identity ?? ips[0] ?? 'unknown') : owner.name;
  if (identity !== null) return { mark: 'yes', name: 'Client', object, reason: `Meshed: mTLS, as ${identity}.` };
  const why =
    node !== null ? `the address of node ${node}` : meshed === false ? 'its pod has no proxy' : 'its connection was not mutual TLS';
  return { mark: 'warn', name: 'Client', object, reason: `It showed no mesh identity: ${why}.` };
}

function networkSteps(network: NetworkAnswer | null): readonly Step[] {
  if (network === null) return [];
  const side = network.egress.verdict === 'deny' ? network.egress : network.ingress;
  const names = side.policies.map(({ name }) => name);
  const object = names.length === 0 ? 'none' : names.length === 1 ? (names[0] ?? '') : count(names.length, 'object');
  if (network.verdict === 'allow') return [{ mark: 'yes', name: 'NetworkPolicy', object, reason: 'Lets it through.' }];
  if (network.verdict === 'deny')
    return [
      {
        mark: 'warn',
        name: 'NetworkPolicy',
        object,
        reason: network.notEnforcedHere ? 'Would block it; the request came, so it is not enforced here.' : 'Blocks it.',
      },
    ];
  return [{ mark: 'ask', name: 'NetworkPolicy', object, reason: 'Cannot be decided from what is known.' }];
}

function serverStep({ server, policy, decision, considered }: Target): Step {
  const object = policy?.server?.name ?? (server === null ? 'none' : labelName(server));
  const isDefault = policy?.defaultPolicy.applies === true || server?.kind === 'default';
  const decides = isDefault && considered.length === 0;
  const reason = isDefault
    ? `No Server selects this port: the default policy ${policy?.defaultPolicy.policy ?? ''} holds.`
    : `Selects the port; ${policy?.protocol ?? 'protocol unknown'}.`;
  return { mark: decides ? 'no' : 'yes', name: 'Server', object, reason, decides: decides && decision.object?.kind !== 'HTTPRoute' };
}

function routeSteps({ route, kind, verdict }: Target): readonly Step[] {
  if (kind === 'route-not-found' || verdict === 'route_not_found')
    return [{ mark: 'no', name: 'Route', object: 'none', reason: 'No route of the Server matches the request.', decides: true }];
  if (route === null || kind === 'tcp-denied') return [];
  return [{ mark: 'yes', name: 'Route', object: labelName(route), reason: 'Matches the request.' }];
}

function authorizationStep({ authorization: { ref, object }, applies, reason }: Considered, { verdict }: Target): Step {
  const mark = applies === 'yes' ? 'yes' : applies === 'no' ? 'no' : 'ask';
  const isOwn = object !== null;
  return {
    mark: mark === 'no' && !isOwn ? 'none' : mark,
    name: 'Authorization',
    object: object === null ? labelName(ref) : object.name,
    reason,
    decides: isOwn && (mark === 'no' || mark === 'ask') && verdict !== 'allow',
  };
}

function excludedSteps({ excluded }: Target): readonly Step[] {
  const [only] = excluded;
  if (only === undefined) return [];
  if (excluded.length === 1) return [{ mark: 'none', name: '', object: only.object.name, reason: only.message }];
  const names = excluded.map(({ object }) => refName(object));
  return [{ mark: 'none', name: '', object: count(excluded.length, 'other'), reason: `Not concerned: ${names.join(', ')}.` }];
}

function verdictMark(verdict: string | null): Mark {
  return verdict === null || verdict === 'undecided' ? 'ask' : verdict === 'allow' ? 'yes' : 'no';
}

const STATUSES: Readonly<Record<string, string>> = {
  'http-denied': '403, denied',
  'route-not-found': '404, no route',
  'tcp-denied': 'refused',
  terminated: 'ended',
  'rate-limited': '429, limited',
  'audit-allowed': 'let through by audit',
};

function verdictWords({ kind, verdict }: Target): string {
  return verdict === null || verdict === 'undecided' ? 'undecided' : (STATUSES[kind] ?? verdict);
}
