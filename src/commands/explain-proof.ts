/** How one denial was decided, line by line: what took part, what had no say, and why. */
import { saidOf, type TargetExplanation } from '../explain.ts';
import type { Considered } from '../policy/evaluation.ts';
import type { InboundRoute, RateLimit } from '../policy/inbound.ts';
import type { NetworkSide } from '../policy/network-verdict.ts';
import type { ObjectRef } from '../policy/resource.ts';
import { showDefaultOrigin, showExcluded, showMatch, showNear, showProtocol, showReasons } from '../policy/wording.ts';
import { showChanged, showRepair } from './explain-changed.ts';
import { showDifference } from './explain-difference.ts';
import { showFindings } from './explain-findings.ts';
import { LABEL, paragraph, type Style, section } from './explain-lines.ts';
import { showWayOut } from './explain-remedies.ts';
import { showMoment } from './moment.ts';
import { safe, wrap } from './terminal.ts';

/** WHY, CHANGED, DECIDED, NOW and MISSING of one target. */
export function showProof(target: TargetExplanation, style: Style): readonly string[] {
  const { evaluatedAt, agrees, now } = target;
  const said = saidOf(target);
  const lines = [...paragraph('WHY', said.sentence, style), ...showDifference(said, style.columns, style.palette)];
  if (said.observed === '' && said.note !== '') lines.push(...paragraph('', said.note, style));
  lines.push(...showFindings(target, style), ...showChanged(target, style), ...showWayOut(target, style));
  const decided = decidedLines(target, style);
  if (decided.length > 0) lines.push('');
  for (const line of section('DECIDED', decided, style)) lines.push(line);
  if (evaluatedAt !== null && !agrees)
    lines.push(...wrap(`The policy is that of ${showMoment(evaluatedAt, style.now)} UTC.`, style.columns, ' '.repeat(LABEL)));
  if (now !== null) {
    const since = now.since === null ? '' : ` since ${showMoment(now.since, style.now)} UTC`;
    const words = now.verdict === 'allow' ? 'allowed' : now.verdict;
    lines.push('', ...paragraph('NOW', `${words}${since}${showRepair(target.changed, style)}.`, style));
  }
  lines.push('', ...missingLines(target, style));
  return lines;
}

function missingLines({ missing }: TargetExplanation, style: Style): readonly string[] {
  if (missing.length === 0) return paragraph('MISSING', 'nothing.', style);
  const lines = missing.flatMap(({ what, command }) => [
    ...wrap(safe(`${what}:`), style.columns, ' '.repeat(LABEL)),
    ...commandLines(safe(command), style.columns),
  ]);
  return section('MISSING', lines, style);
}

/** Broken as a shell takes it, so that it can be copied; a word is never broken. */
function commandLines(command: string, columns: number): readonly string[] {
  const lines: string[] = [];
  let line = ' '.repeat(LABEL + 2);
  let isEmpty = true;
  for (const word of command.split(' ')) {
    if (!isEmpty && line.length + word.length + 3 > columns) {
      lines.push(`${line} \\`);
      line = ' '.repeat(LABEL + 4);
      isEmpty = true;
    }
    line += isEmpty ? word : ` ${word}`;
    isEmpty = false;
  }
  return [...lines, line];
}

type Mark = '✓' | '✗' | '?' | '=' | '–';

function decidedLines(target: TargetExplanation, style: Style): readonly string[] {
  const { evaluation, excluded } = target;
  if (evaluation === null) return [];
  const row = (mark: Mark, label: string, text: string) => rowLines(mark, label, text, style);
  const lines = [...networkLines(target, row), ...serverLines(target, row), ...routeLines(target, row)];
  for (const considered of evaluation.considered) lines.push(...row(MARKS[considered.applies], '', showConsidered(considered, target)));
  for (const text of excludedTexts(excluded)) lines.push(...row('–', '', text));
  const { rateLimit } = evaluation.policy;
  if (target.kind === 'rate-limited' && rateLimit !== null) lines.push(...row('✗', 'rate limit', showRateLimit(rateLimit)));
  lines.push(...row('=', target.kind === 'rate-limited' ? 'ratelimited' : evaluation.verdict, verdictWords(target)));
  return lines;
}

/** Those that are merely for something else share a line. */
function excludedTexts(excluded: TargetExplanation['excluded']): readonly string[] {
  const of = (type: string) => excluded.filter((e) => e.reason.type === type).map((e) => e.object.name);
  const texts = excluded.flatMap((e) => {
    if (e.reason.type === 'no-server' || e.reason.type === 'other-route') return [];
    // Why it is not attached stands with the route.
    return [
      e.reason.type === 'route-not-attached' ? `for ${e.reason.route.name}, which is not attached: ${e.object.name}` : showExcluded(e),
    ];
  });
  const [others, withoutServer] = [of('other-route'), of('no-server')];
  if (others.length > 0) texts.push(`for other routes: ${others.join(', ')}`);
  if (withoutServer.length > 0) texts.push(`without a Server on the port these have no say: ${withoutServer.join(', ')}`);
  return texts;
}

const MARKS = { yes: '✓', no: '✗', unobserved: '?' } as const;
type Row = (mark: Mark, label: string, text: string) => readonly string[];

function rowLines(mark: Mark, label: string, text: string, { columns, palette }: Style): readonly string[] {
  const paint = { '✓': palette.green, '✗': palette.red, '?': palette.yellow, '=': palette.bold, '–': palette.dim }[mark];
  const head = `${mark} ${label === '' ? '' : `${safe(label)} `.padEnd(15)}`;
  const indent = ' '.repeat(LABEL + (label === '' ? 4 : Math.max(17, head.length)));
  const [first = '', ...rest] = wrap(safe(text), columns, indent, ' '.repeat(LABEL) + head);
  return [first.replace(mark, paint(mark)), ...rest];
}

function networkLines({ network, evaluation }: TargetExplanation, row: Row): readonly string[] {
  if (network === null || evaluation === null || network.verdict.verdict === 'allow') return [];
  const { verdict, wire } = network;
  const why = [verdict.egress, verdict.ingress].filter((side) => side.verdict === verdict.verdict).map(showSide);
  if (verdict.verdict === 'undecided')
    return row(
      '?',
      'NetworkPolicy',
      `${why.join('; ')}; cannot tell without ${verdict.missing.join(', ')} (port ${wire.port} on the wire)`,
    );
  return row('✗', 'NetworkPolicy', `${why.join('; ')} (it arrived: not enforced on this path)`);
}

/** The rule that comes closest: for this peer and another port, else for this port and another peer. */
function showSide({ direction, policies, considered }: NetworkSide): string {
  const nearest =
    considered.find((c) => c.peer.match === 'yes' && c.peer.allowed.length > 0) ?? considered.find((c) => c.port.match === 'yes');
  if (nearest !== undefined) return `${nearest.policy.name}: ${showRuleMiss(direction, nearest)}`;
  if (policies.length === 0) return `${direction}: not known`;
  return `${names(policies)}: ${direction} allows ${considered.length === 0 ? 'nothing' : 'neither this port nor this peer'}`;
}

function showRuleMiss(direction: NetworkSide['direction'], { port, peer }: NetworkSide['considered'][number]): string {
  const [on, from] = direction === 'egress' ? ['to', 'to'] : ['on', 'from'];
  const ports = `${direction} only ${on} ${port.allowed.join(', ')}, and ${port.observed} is what goes over the wire`;
  return port.match === 'no' ? ports : `${direction} only ${from} ${peer.allowed.join(' or ')}`;
}

function serverLines({ evaluation, nearServers, port }: TargetExplanation, row: Row): readonly string[] {
  if (evaluation === null) return [];
  const { policy } = evaluation;
  if (policy.server === null) {
    const origin = showDefaultOrigin(policy.defaultPolicy);
    const near = nearServers.map((n) => showNear(n)).join('; ');
    return [
      ...row('✗', 'Server', `none selects ${port === null ? 'the port' : `port ${port}`}${near === '' ? '' : `; ${near}`}`),
      ...row('✓', 'default', `${policy.defaultPolicy.policy} applies (${origin})`),
    ];
  }
  const younger = policy.overshadowed.length === 0 ? '' : `; ${names(policy.overshadowed)} too, but younger (or later by name): no effect`;
  const how = `${policy.server.name} takes ${port === null ? 'the port' : `port ${port}`}, ${showProtocol(policy.protocol)}${younger}`;
  const from = policy.defaultPolicy.from === 'pod-annotation' ? 'pod annotation' : 'cluster default';
  return [...row('✓', 'Server', how), ...row('–', 'default', `${policy.defaultPolicy.policy} (${from}): no say, a Server has the port`)];
}

function names(refs: readonly ObjectRef[]): string {
  return refs.map((ref) => ref.name).join(', ');
}

function routeLines({ evaluation, route, unattachedRoutes, kind }: TargetExplanation, row: Row): readonly string[] {
  if (evaluation === null || evaluation.traffic.type === 'tcp') return [];
  const lines: string[] = [];
  const found = route === null ? undefined : evaluation.policy.routes?.find((r) => r.ref.name === route.name && r.ref.kind === route.kind);
  if (route !== null && found !== undefined) {
    const named = evaluation.traffic.type === 'http-on-route' ? ', named by the proxy' : '';
    const label = found.object?.kind ?? 'route';
    lines.push(...row('✓', label, `${route.name}${named} (${matchesOf(found)})`));
  } else if (kind === 'route-not-found' || evaluation.verdict === 'route_not_found') {
    const routes = evaluation.policy.routes ?? [];
    lines.push(...row('✗', 'route', routes.length === 0 ? 'none here' : `none of ${routes.map((r) => r.ref.name).join(', ')}`));
  } else if (route !== null) lines.push(...row('?', 'route', `${route.name}, named by the proxy, is not among these objects`));
  for (const { route: object, why } of unattachedRoutes) lines.push(...row('–', object.kind, `${object.name} is not attached: ${why}`));
  return lines;
}

function matchesOf(route: InboundRoute): string {
  const { rules } = route;
  const all =
    rules.type === 'http'
      ? rules.rules.flatMap((rule) => rule.matches.map(showMatch))
      : rules.rules.flatMap((rule) => rule.matches.map(showMatch));
  const hosts = route.hosts.map((h) => (h.type === 'suffix' ? `*.${h.value}` : h.value)).join(', ');
  const shown = all.slice(0, 2).join(', ') + (all.length > 2 ? ` and ${all.length - 2} more` : '');
  return `${hosts === '' ? '' : `host ${hosts}: `}${shown || 'no rules: takes nothing'}`;
}

/** Short: names alone, since all of them lie in the server's namespace unless said otherwise. */
function showConsidered({ authorization, network, authentication }: Considered, { ips, namespace, evaluation }: TargetExplanation): string {
  const server = evaluation?.policy.server ?? null;
  const { object, ref, via } = authorization;
  const reasons = showReasons(network, authentication);
  if (object === null) {
    if (ref.name !== 'localhost') return `${server === null || ref.name === 'probe' ? 'default' : 'accessPolicy'} ${ref.name}: ${reasons}`;
    const from = ips.length === 0 ? 'not observed' : `${ips.slice(0, 3).join(', ')}${ips.length > 3 ? ' and more' : ''}`;
    return `localhost: the client’s address is ${from}`;
  }
  const short = (r: ObjectRef) => (r.namespace === '' || r.namespace === namespace ? r.name : `${r.namespace}/${r.name}`);
  const kind = object.kind === 'AuthorizationPolicy' ? '' : `${object.kind} `;
  return `${kind}${short(object)}${via.length === 0 ? '' : ` → ${via.map(short).join(' and ')}`}: ${reasons}`;
}

function showRateLimit({ object, total, identity, overrides }: RateLimit): string {
  const limits = [
    total === null ? '' : `${total}/s in all`,
    identity === null ? '' : `${identity}/s for each identity, and for all without one together`,
    overrides.length === 0 ? '' : `${overrides.length} ${overrides.length === 1 ? 'override' : 'overrides'}`,
  ];
  return `${object.name}: ${limits.filter((limit) => limit !== '').join('; ')}`;
}

function verdictWords({ evaluation, agrees, kind }: TargetExplanation): string {
  if (evaluation === null) return '';
  if (!agrees) return 'by these objects, which is not what the proxy did';
  if (kind === 'rate-limited') return '429, after the request was authorized';
  switch (evaluation.verdict) {
    case 'deny':
      if (evaluation.policy.rejectedByProxy !== null) return 'the proxy looks at no authorization at all';
      return evaluation.considered.length === 0
        ? 'the protocol does not fit: no authorization is looked at'
        : 'nothing here applies to this client';
    case 'undecided':
      return `not known: ${evaluation.missing.map((m) => MISSING_WORDS[m]).join(', ')}`;
    case 'allow':
      return kind === 'audit-allowed' ? 'by audit, and logged' : '';
    case 'route_not_found':
      return '404, before any authorization is looked at';
    default:
      return evaluation.error ?? '';
  }
}

const MISSING_WORDS = {
  'client-address': 'the client’s address',
  'client-tls': 'the client’s identity',
  request: 'method and path of the request',
  route: 'the route',
  port: 'the port',
  policy: 'the policy of that moment',
} as const;
