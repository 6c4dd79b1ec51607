/** The answer of `can` for a person, and as data for other programs. docs/can.md documents the shape; a field is added, never renamed. */

import type { Snapshot } from '../policy/snapshot.ts';
import { showClientTls } from '../policy/wording.ts';
import type { Notice } from '../ports.ts';
import type { CanAsked } from './can-question.ts';
import { type CanReason, canReasons, type LinkerdVerdict } from './can-reasons.ts';
import { type Palette, safe, wrap } from './terminal.ts';

export interface CanStyle {
  readonly columns: number;
  readonly palette: Palette;
}

const LABEL = 11;

export function showCan(snapshot: Snapshot, asked: CanAsked, { columns, palette }: CanStyle): readonly string[] {
  const { answer, client, server, namespace, port, request, notes, words } = asked;
  const reasons = canReasons(snapshot, port, answer.cases, words.ip);
  const question = `${client} → ${server} in ${namespace}${request === null ? '' : `  ${request.text}`}`;
  const several = reasons.length > 1;
  const lines = [
    ...wrap(safe(question), columns, ' '.repeat(LABEL), answer.answer.padEnd(LABEL)).map((line, i) =>
      i === 0 ? line.replace(answer.answer, paintOf(answer.answer, palette)) : line,
    ),
    ...reasons.flatMap((reason) => ['', ...reasonLines(reason, several, request === null, columns, palette)]),
  ];
  return [...lines, ...notes.flatMap((note) => ['', ...wrap(safe(`Note: ${note}`), columns)])];
}

function paintOf(answer: string, { green, red, yellow }: Palette): string {
  return { yes: green, no: red }[answer as 'yes' | 'no']?.(answer) ?? yellow(answer);
}

function reasonLines(reason: CanReason, several: boolean, showsRequests: boolean, columns: number, palette: Palette): readonly string[] {
  const { answer, requests, ips, pods, linkerd, network } = reason;
  const row = (label: string, text: string) => wrap(safe(text), columns, ' '.repeat(LABEL), label.padEnd(LABEL));
  const where = [linkerd.enforcedBy ?? '', linkerd.route === null ? '' : `route ${linkerd.route}`].filter((part) => part !== '').join(', ');
  const of = [
    ...(showsRequests ? [some(requests)] : []),
    ...(several && ips.some((ip) => ip !== null) ? [`from ${some(ips.map((ip) => ip ?? 'an address not known'))}`] : []),
    ...(several ? [`on ${some(pods)}`] : []),
  ].join(', ');
  const head =
    several || showsRequests ? row(answer, of).map((line, i) => (i === 0 ? line.replace(answer, paintOf(answer, palette)) : line)) : [];
  const mark = { yes: '✓', no: '✗', unobserved: '?' } as const;
  return [
    ...head,
    ...row(
      'Linkerd',
      `${wordOf(linkerd.verdict)}${where === '' ? '' : `, ${where}`}: ${linkerd.sentence}${linkerd.place === null ? '' : ` (${linkerd.place})`}`,
    ),
    ...(linkerd.required.length === 0 ? [] : row('', `required: ${some(linkerd.required)}`)),
    ...linkerd.considered.flatMap(({ applies, name, reason: why }) =>
      wrap(safe(`${name}: ${why}`), columns, ' '.repeat(LABEL + 2), `${' '.repeat(LABEL)}${mark[applies]} `),
    ),
    ...(network === null ? [] : row('Network', networkWords(network))),
  ];
}

function wordOf(verdict: LinkerdVerdict): string {
  if (verdict === 'not-meshed' || verdict === 'allow' || verdict === 'redirect') return 'yes';
  if (verdict === 'undecided') return 'not known';
  return verdict === 'route_not_found' ? 'no, 404' : verdict === 'ratelimited' ? 'yes, then 429' : 'no';
}

function networkWords({ verdict, sentence, wirePort, missing, enforced, plugin }: NonNullable<CanReason['network']>): string {
  const where = {
    true: `no (${plugin} enforces it)`,
    false: `no, which counts for nothing: ${plugin} enforces none`,
    null: 'no, where it is enforced',
  };
  const words = { allow: 'yes', deny: where[`${enforced}`], undecided: `not known without ${missing.join(', ')}` }[verdict];
  return `${words}: ${sentence} (NetworkPolicy, port ${wirePort} on the wire)`;
}

/** The first few. */
export function some(texts: readonly string[], most = 6): string {
  return texts.slice(0, most).join(', ') + (texts.length > most ? ` and ${texts.length - most} more` : '');
}

export function canData(snapshot: Snapshot, asked: CanAsked, notices: readonly Notice[]): Readonly<Record<string, unknown>> {
  const { answer, client, server, namespace, port, request, notes, words } = asked;
  const callers = new Map(answer.cases.map(({ caller }) => [showClientTls(caller.tls), caller.tls]));
  return {
    form: 'denywhy.can/1',
    answer: answer.answer,
    client,
    identities: [...callers.keys()],
    server,
    namespace,
    port,
    request: request?.text ?? null,
    reasons: canReasons(snapshot, port, answer.cases, words.ip),
    notes,
    notices,
  };
}
