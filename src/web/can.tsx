import { Button, TextInput } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { type ReactNode, useState } from 'react';
import type { Shapes } from './api-types.ts';
import { inert, short } from './inert.ts';
import { Icon, type Shape, Tag, type Tone } from './marks.tsx';
import { Card, Command, Link, Trouble } from './parts.tsx';
import { type CanQuestion, canQuery } from './policy-queries.ts';
import { setQuery } from './route.ts';
import { quoted } from './shell.ts';

type Listed = Shapes['WorkloadPage']['items'][number];
type Answer = Shapes['CanAnswer'];
type Reason = Answer['reasons'][number];

const FIELDS = ['from', 'to', 'method', 'path', 'ip'] as const;
type Field = (typeof FIELDS)[number];

interface CanProps {
  readonly query: URLSearchParams;
  /** What is looked at, which is asked about by default. */
  readonly found: Shapes['Policy']['workloads'][number] | undefined;
  readonly namespace: string;
  readonly workloads: readonly Listed[];
}

/** May this client reach that port: a form whose question stands in the address, so that a link asks it again. */
export function CanCard({ query, found, namespace, workloads }: CanProps): ReactNode {
  const usual = found === undefined ? '' : usualTarget(found);
  const asked = questionOf(query, namespace);
  return (
    <Card title="Can it?" note="as denywhy can answers it; nothing is sent to anybody">
      {/* Of another workload it is another form. */}
      <Form key={`${query.get('namespace')} ${query.get('workload')}`} query={query} usual={usual} workloads={workloads} />
      {asked !== null && <Asked question={asked} found={found} />}
    </Card>
  );
}

function questionOf(query: URLSearchParams, namespace: string): CanQuestion | null {
  const of = (name: Field) => query.get(name) ?? '';
  if (of('from') === '' || of('to') === '') return null;
  return {
    ...{ client: of('from'), server: of('to') },
    ...(namespace === '' ? {} : { namespace }),
    ...(of('method') === '' ? {} : { method: of('method') }),
    ...(of('path') === '' ? {} : { path: of('path') }),
    ...(of('ip') === '' ? {} : { ip: of('ip') }),
    ...(query.get('unmeshed') === null ? {} : { unmeshed: true }),
    ...(query.get('at') === null ? {} : { at: query.get('at') ?? '' }),
  };
}

/** `deploy/backend:8080`: the first port that is not the proxy's own. */
function usualTarget({ workload, ports }: NonNullable<CanProps['found']>): string {
  const own = ports.find(({ port }) => port !== PROXY_ADMIN_PORT) ?? ports[0];
  return `${shortName(workload)}${own === undefined ? '' : `:${own.port}`}`;
}
/** The proxy's own. */
export const PROXY_ADMIN_PORT = 4191;
const SHORT: Readonly<Record<string, string>> = { Deployment: 'deploy', StatefulSet: 'sts', DaemonSet: 'ds', Pod: 'po', CronJob: 'cj' };

interface FormProps {
  readonly query: URLSearchParams;
  readonly usual: string;
  readonly workloads: readonly Listed[];
}

function Form({ query, usual, workloads }: FormProps): ReactNode {
  const [given, setGiven] = useState<Readonly<Partial<Record<Field, string>>>>({});
  const textOf = (name: Field) => given[name] ?? query.get(name) ?? (name === 'to' ? usual : '');
  const [unmeshed, setUnmeshed] = useState<boolean | null>(null);
  const isUnmeshed = unmeshed ?? query.get('unmeshed') !== null;
  const field = (name: Field, label: string, example: string, isNeeded = false) => (
    <TextInput
      label={label}
      placeholder={example}
      className={name}
      value={textOf(name)}
      required={isNeeded}
      withAsterisk={false}
      autoComplete="off"
      spellCheck={false}
      onChange={(event) => setGiven({ ...given, [name]: event.currentTarget.value })}
      {...(name === 'from' || name === 'to' ? { list: 'workload-names' } : {})}
    />
  );
  return (
    <form
      className="can"
      onSubmit={(event) => {
        event.preventDefault();
        const trimmed = Object.fromEntries(FIELDS.map((name) => [name, textOf(name).trim()]));
        setQuery({ ...trimmed, unmeshed: isUnmeshed ? 'yes' : '' });
        // From now on the address says it.
        setGiven({});
        setUnmeshed(null);
      }}
    >
      {field('from', 'From', 'sa/frontend, deploy/frontend, 203.0.113.7', true)}
      {field('to', 'To', 'deploy/backend:8080', true)}
      {field('method', 'Method', 'any')}
      {field('path', 'Path', 'any')}
      {field('ip', 'From the address', 'its own')}
      <label className="check">
        <input type="checkbox" checked={isUnmeshed} onChange={(event) => setUnmeshed(event.currentTarget.checked)} />
        without its proxy
      </label>
      <Button type="submit" className="ask">
        Ask
      </Button>
      <datalist id="workload-names">
        {workloads.map(({ namespace, workload }) => (
          <option key={`${namespace}/${shortName(workload)}`} value={`${shortName(workload)}.${namespace}`} />
        ))}
      </datalist>
    </form>
  );
}

const WORDS: Readonly<Record<Answer['answer'], readonly [tone: Tone, shape: Shape, word: string]>> = {
  yes: ['ok', 'check', 'Yes'],
  no: ['bad', 'cross', 'No'],
  partly: ['wait', 'warn', 'It depends'],
  undecided: ['wait', 'ask', 'Not known'],
};

interface AskedProps {
  readonly question: CanQuestion;
  readonly found: CanProps['found'];
}

function Asked({ question, found }: AskedProps): ReactNode {
  const { data, error } = useQuery(canQuery(question));
  if (error !== null) return <Trouble error={error} />;
  return (
    <div role="status" aria-label="Answer">
      {data === undefined ? <p aria-busy="true">Asking…</p> : <Said answer={data} question={question} found={found} />}
    </div>
  );
}

function Said({ answer: whole, question, found }: SaidProps): ReactNode {
  const { answer, client, server, namespace, request, reasons, notes } = whole;
  const [tone, shape, word] = WORDS[answer];
  const several = reasons.length > 1;
  return (
    <div className={`said ${tone}`}>
      <p className="verdict">
        <Tag tone={tone} shape={shape} text={word} />
        <span>
          <b>{inert(client)}</b> to <b>{inert(server)}</b> in {inert(namespace)}
          {request === null ? '' : `, ${short(request, 200)}`}: {becauseOf(reasons)}
        </span>
      </p>
      {reasons.map((reason) => (
        <ReasonText key={JSON.stringify(reason)} reason={reason} head={several ? headOf(reason, reasons) : ''} />
      ))}
      {reasons.length === 0 && <p>There is nobody to ask about: no pod of the client or of the server is known.</p>}
      {notes.map((note) => (
        <p key={note} className="note">
          {inert(note)}
        </p>
      ))}
      <Seen answer={whole} found={found} />
      <Command text={commandOf(question)} />
    </div>
  );
}

const PASSES: ReadonlySet<string> = new Set(['allow', 'redirect', 'not-meshed']);

/** In short, who lets it in and who does not. */
function becauseOf(reasons: readonly Reason[]): string {
  const [only, ...others] = reasons;
  if (only === undefined) return 'nobody is known who could be asked about.';
  const { answer, linkerd, network } = only;
  const words = reasons.map((one) => one.answer);
  if (others.length > 0 && new Set(words).size > 1) return `it depends, in ${reasons.length} ways.`;
  if (others.length > 0) return `for ${reasons.length} reasons.`;
  if (answer === 'undecided') return 'it cannot be told from what is known.';
  const isKept = network?.verdict === 'deny' && network.enforced !== false;
  const where = network?.enforced === null ? ' where it is enforced' : '';
  if (PASSES.has(linkerd.verdict)) return isKept ? `Linkerd lets it in, NetworkPolicy refuses it${where}.` : 'it gets in.';
  return isKept ? `Linkerd refuses it, and NetworkPolicy${where}.` : 'Linkerd refuses it.';
}

interface SaidProps extends AskedProps {
  readonly answer: Answer;
}

/** How it fared so far, where it was seen. */
function Seen({ answer: { client, server, namespace, port }, found }: Pick<SaidProps, 'answer' | 'found'>): ReactNode {
  const isIt = found !== undefined && found.workload.namespace === namespace && server.startsWith(`${shortName(found.workload)}:`);
  const row = isIt ? found.ports.find((one) => one.port === port)?.traffic.clients.find((one) => one.client === client) : undefined;
  if (row === undefined) return null;
  const incident = row.parts.find((part) => part.incident !== null)?.incident ?? null;
  return (
    <p>
      Seen so far on this port: {row.allowed.toLocaleString('en-US')} allowed, {row.denied.toLocaleString('en-US')} denied
      {incident === null ? '.' : <>: {<Link to={`incidents/${incident}`}>open the incident</Link>}.</>}
    </p>
  );
}

function shortName({ kind, name }: { readonly kind: string; readonly name: string }): string {
  return `${SHORT[kind] ?? kind.toLowerCase()}/${name}`;
}

const MARKS: Readonly<Record<'yes' | 'no' | 'undecided' | 'unobserved', readonly [shape: Shape, tone: string, word: string]>> = {
  yes: ['check', 'ok', 'yes'],
  no: ['cross', 'bad', 'no'],
  undecided: ['ask', 'wait', 'not known'],
  unobserved: ['ask', 'wait', 'not known'],
};

function Mark({ of }: { readonly of: keyof typeof MARKS }): ReactNode {
  const [shape, tone, word] = MARKS[of];
  return (
    <span className={`mark ${tone}`}>
      <Icon shape={shape} />
      <span className="unseen">{word}</span>
    </span>
  );
}

const MOST = 6;

/** For what it holds: the requests, and where the reasons differ in them the addresses and the pods. */
function headOf({ requests, ips, pods }: Reason, all: readonly Reason[]): string {
  const differ = (what: 'ips' | 'pods') => new Set(all.map((one) => one[what].join())).size > 1;
  const from = differ('ips') ? `from ${some(ips.map((ip) => ip ?? 'an address not known'))}` : '';
  return [some(requests), from, differ('pods') ? `on ${some(pods)}` : ''].filter((part) => part !== '').join(', ');
}

interface ReasonProps {
  readonly reason: Reason;
  /** Empty: it is the only one. */
  readonly head: string;
}

function ReasonText({ reason: { answer, requests, linkerd, network }, head }: ReasonProps): ReactNode {
  const where = [linkerd.enforcedBy, linkerd.route === null ? null : `route ${linkerd.route}`].filter((part) => part !== null);
  return (
    <section className="reason" aria-label={`Because: ${inert(requests[0] ?? '')}`}>
      {head !== '' && (
        <p>
          <Mark of={answer} /> <b>{head}</b>
        </p>
      )}
      <p>
        <b>Linkerd: {verdictWords(linkerd.verdict)}.</b> {where.length === 0 ? '' : `${inert(where.join(', '))}: `}
        {short(linkerd.sentence, 600)}
      </p>
      {linkerd.required.length > 0 && (
        <p>
          Required: <code>{some(linkerd.required)}</code>
        </p>
      )}
      {linkerd.considered.length > 0 && (
        <ul className="remarks" aria-label="Considered">
          {linkerd.considered.map(({ applies, name, reason: why }) => (
            <li key={`${name} ${why}`}>
              <Mark of={applies} />
              <span>
                {short(name, 300)}: {short(why, 300)}
              </span>
            </li>
          ))}
        </ul>
      )}
      {network !== null && (
        <p>
          <b>NetworkPolicy: {networkWords(network)}.</b> {short(network.sentence, 600)}
        </p>
      )}
    </section>
  );
}

function verdictWords(verdict: string): string {
  if (verdict === 'allow' || verdict === 'redirect') return 'yes';
  if (verdict === 'not-meshed') return 'it does not stand here';
  if (verdict === 'undecided') return 'not known';
  return verdict === 'route_not_found' ? 'no, 404' : verdict === 'ratelimited' ? 'yes, then 429' : 'no';
}

function networkWords({ verdict, enforced, plugin, missing }: NonNullable<Reason['network']>): string {
  if (verdict === 'allow') return 'yes';
  if (verdict === 'undecided') return `not known without ${some(missing)}`;
  if (enforced === null) return 'no, where it is enforced';
  return inert(enforced ? `no (${plugin} enforces it)` : `no, which counts for nothing: ${plugin} enforces none`);
}

function some(texts: readonly string[]): string {
  const shown = texts.slice(0, MOST).map((text) => short(text, 150));
  return shown.join(', ') + (texts.length > MOST ? ` and ${texts.length - MOST} more` : '');
}

/** The same question on the command line. */
function commandOf({ client, server, namespace, method, path, ip, unmeshed, at }: CanQuestion): string {
  const options = [
    ...(namespace === undefined ? [] : ['-n', namespace]),
    ...(method === undefined ? [] : ['--method', method]),
    ...(path === undefined ? [] : ['--path', path]),
    ...(ip === undefined ? [] : ['--as-ip', ip]),
    ...(unmeshed === true ? ['--unmeshed'] : []),
    ...(at === undefined ? [] : ['--at', at]),
  ];
  return ['denywhy', 'can', client, server, ...options].map(quoted).join(' ');
}
