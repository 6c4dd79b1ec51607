import type { ReactNode } from 'react';
import type { Shapes } from './api-types.ts';
import { inert, short } from './inert.ts';
import { Icon, type Shape } from './marks.tsx';
import { Link } from './parts.tsx';
import { Cell, Table } from './table.tsx';
import { refName } from './words.ts';

type WorkloadPolicy = Shapes['Policy']['workloads'][number];
type Port = WorkloadPolicy['ports'][number];
type May = Port['may'][number];

/** One port: who may ask for what, from where, by which object; and how those fare who always call. */
export function PortCard({ port, of }: { readonly port: Port; readonly of: WorkloadPolicy }): ReactNode {
  const { protocol, server, names, rejectedByProxy, overshadowed, may, pods } = port;
  const title = `Port ${port.port}`;
  const about = [
    ...names.map(inert),
    protocol,
    server === null ? 'no Server, the default policy is in force' : `Server ${inert(server.name)}`,
    pods.length < of.pods.length ? `${pods.length} of ${of.pods.length} pods` : '',
  ].filter((part) => part !== '');
  return (
    <section className="card port" aria-label={title}>
      <header>
        <h2>{title}</h2>
        <span className="note">{about.join(', ')}</span>
      </header>
      {rejectedByProxy !== null && (
        <p className="trouble">The proxy cannot use this policy and refuses everyone: {short(rejectedByProxy, 300)}</p>
      )}
      <Table
        of="may"
        caption={`Who may call port ${port.port}`}
        columns={['Route', 'Who may', 'From where', 'By', 'Allowed', 'Denied']}
        numbers={2}
      >
        {may.map((row, i) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: rows are in the order of the policy, and have no other name
          <MayRow key={i} row={row} port={port} />
        ))}
      </Table>
      <Remarks port={port} />
      {overshadowed.map((one) => (
        <p key={one.name} className="trouble">
          Server {inert(one.name)} selects the port too, but is younger, or later by name: it has no effect.
        </p>
      ))}
    </section>
  );
}

const MOST = 4;

function MayRow({ row, port }: { readonly row: May; readonly port: Port }): ReactNode {
  const { route, takes, who, from, authorization, refusal, allowed, denied } = row;
  return (
    <tr>
      <Cell label="Route">
        <b>{route === null ? 'any request' : route === 'other' ? 'any other request' : inert(route)}</b>
        {takes.length > 0 && <code>{some(takes)}</code>}
      </Cell>
      <Cell label="Who may">
        {who.length === 0 && <span className="note">nobody{refusal === null ? '' : `, ${REFUSALS[refusal]}`}</span>}
        {who.slice(0, MOST).map((one) => (
          <span key={one} className={one.endsWith(NOBODY) ? 'trouble' : ''}>
            {short(one, 150)}
          </span>
        ))}
        {who.length > MOST && <span className="note">and {who.length - MOST} more</span>}
      </Cell>
      <Cell label="From where">
        {who.length === 0 ? '' : from.length === 0 ? 'anywhere' : from.slice(0, MOST).map((one) => <span key={one}>{inert(one)}</span>)}
        {from.length > MOST && <span className="note">and {from.length - MOST} more</span>}
      </Cell>
      <Cell label="By">
        {authorization === null ? (
          <span className="note">{who.length === 0 ? 'nothing lets it in' : ''}</span>
        ) : (
          <>
            <span>{short(authorization.object === null ? defaultName(authorization.ref.name, port) : authorization.object.name, 120)}</span>
            <span className="note">
              {authorization.object === null ? '' : authorization.via.map((one) => short(refName(one), 120)).join(', ')}
            </span>
          </>
        )}
      </Cell>
      <Cell label="Allowed" isNumber>
        {allowed.toLocaleString('en-US')}
      </Cell>
      <Cell label="Denied" isNumber>
        {denied === null ? '' : <Denied count={denied} incident={incidentOf(row, port)} />}
      </Cell>
    </tr>
  );
}

/** The one in which most of the route's denials are counted. */
function incidentOf({ route }: May, { traffic }: Port): string | null {
  const name = route === 'other' ? null : route;
  const own = traffic.clients.flatMap(({ parts }) => parts).filter((part) => part.denied > 0 && (part.route?.name ?? null) === name);
  return own.toSorted((a, b) => b.denied - a.denied)[0]?.incident ?? null;
}

/** With the way to its incident, where there is one. */
export function Denied({ count, incident }: { readonly count: number; readonly incident: string | null }): ReactNode {
  const text = count.toLocaleString('en-US');
  if (incident === null) return <span className={count > 0 ? 'trouble' : ''}>{text}</span>;
  return (
    <Link to={`incidents/${incident}`} className="trouble">
      {text}
      <span className="unseen"> denied: the incident</span>
    </Link>
  );
}

const REFUSALS = { '403': 'answered with 403', '404': 'answered with 404', closed: 'the connection is closed' } as const;
/** As the API writes of an identity that nobody has. */
const NOBODY = '(no such ServiceAccount)';

function defaultName(name: string, { server }: Port): string {
  if (name === 'probe' || name === 'localhost') return `Linkerd (${name})`;
  return server === null ? `default policy ${name}` : `accessPolicy ${name}`;
}

function some(texts: readonly string[]): string {
  return texts.slice(0, MOST).map(inert).join(', ') + (texts.length > MOST ? ` and ${texts.length - MOST} more` : '');
}

const MARKS: Readonly<Record<'yes' | 'no' | 'undecided', readonly [shape: Shape, tone: string, word: string]>> = {
  yes: ['check', 'ok', 'gets in'],
  no: ['cross', 'bad', 'is refused'],
  undecided: ['ask', 'wait', 'depends on the address, which is not known'],
};

function Remarks({ port: { callers, networkPolicy } }: { readonly port: Port }): ReactNode {
  if (callers.length === 0 && networkPolicy === null) return null;
  return (
    <ul className="remarks" aria-label="Who always calls">
      {callers.map(({ who, name, request, answer, isNetwork }) => {
        const [shape, tone, word] = MARKS[answer];
        return (
          <li key={`${who} ${name} ${request}`}>
            <span className={`mark ${tone}`}>
              <Icon shape={shape} />
            </span>
            <span>
              {who === 'kubelet' ? 'Probe' : 'Scrape'} {inert(request)} from {inert(name)} {word}
              {isNetwork ? ' by NetworkPolicy, where it is enforced' : ''}
            </span>
          </li>
        );
      })}
      {networkPolicy !== null && (
        <li>
          <span className="mark">
            <Icon shape="dash" />
          </span>
          <span>
            NetworkPolicy {networkPolicy.policies.map(({ name }) => inert(name)).join(', ')}, where it is enforced, lets in{' '}
            {networkWords(networkPolicy)}
          </span>
        </li>
      )}
    </ul>
  );
}

function networkWords({ meshed, direct }: NonNullable<Port['networkPolicy']>): string {
  const rule = ({ port, peers }: typeof meshed) => `${peers.length === 0 ? 'nobody' : some(peers)} on port ${port}`;
  return meshed.port === direct.port ? `${rule(direct)}.` : `${rule(meshed)} with a proxy, and ${rule(direct)} without.`;
}
