/** The logs of several containers, which may come interleaved: whose each is, and the join of its lines. */
import { parseIdentity } from '../policy/identity.ts';
import type { Instant } from '../policy/resource.ts';
import { POLICY_CONTAINER, PROXY_CONTAINER } from './conventions.ts';
import type { Fact, Reporter } from './facts.ts';
import type { LineOrigin } from './log-facts.ts';
import { createJoin, type Join } from './log-joined.ts';
import type { Reading } from './log-reading.ts';
import { ownCopy } from './log-text.ts';

/** What a line's envelope says of its origin. */
export interface LineMeta {
  readonly at: Instant | null;
  readonly namespace: string | null;
  readonly pod: string | null;
  readonly container: string | null;
}

/** Other containers than Linkerd's say what they like, also what only a proxy can know: none of it is read. */
export function isOthers({ container }: LineMeta): boolean {
  return container !== null && container !== PROXY_CONTAINER && container !== POLICY_CONTAINER;
}

/** One container's log. */
export interface Stream {
  readonly join: Join;
  reporter: Reporter;
  startedAt: Instant | null;
  started: boolean;
  /** The last event goes on in lines without a head. */
  continues: boolean;
  /** Parts of a line that the container runtime cut; null: none. */
  partial: string | null;
  /** What holding them costs, in characters. */
  partialCost: number;
}

export interface Streams {
  of(meta: LineMeta): Stream;
  all(): Iterable<Stream>;
}

const MAX_STREAMS = 1024;

/** What is done with facts, and with a stream that is forgotten to make room for others. */
export interface StreamSinks {
  report(fact: Fact): void;
  close(stream: Stream): void;
}

/** `defaults` hold where a line does not say whose it is, until the proxy's own `Local identity is …`. */
export function createStreams(defaults: Partial<Reporter>, startedAt: Instant | null, { report, close }: StreamSinks): Streams {
  const streams = new Map<string, Stream>();
  let last: { readonly meta: LineMeta; readonly stream: Stream } | null = null;

  function open(key: string, meta: LineMeta): Stream {
    for (const [oldest, stream] of streams) {
      if (streams.size < MAX_STREAMS) break;
      close(stream);
      streams.delete(oldest);
    }
    const reporter = reporterOf(defaults, meta);
    const stream = { join: createJoin(report), reporter, startedAt, started: false, continues: false, partial: null, partialCost: 0 };
    streams.set(key, stream);
    return stream;
  }

  return {
    of(meta) {
      const { namespace, pod, container } = meta;
      if (last !== null && last.meta.pod === pod && last.meta.namespace === namespace && last.meta.container === container)
        return last.stream;
      const key = JSON.stringify([namespace, pod, container]);
      const stream = streams.get(key) ?? open(key, meta);
      last = { meta: { at: null, namespace, pod, container }, stream };
      return stream;
    },
    all: () => streams.values(),
  };
}

/** Hands a reading to the stream it belongs to. */
export function deliver(reading: Reading, stream: Stream, origin: LineOrigin): void {
  const { join } = stream;
  switch (reading.type) {
    case 'refusal':
      join.refusal(reading, origin);
      break;
    case 'failure':
      join.alone(reading, origin);
      break;
    case 'not-applied':
      join.notApplied(reading);
      break;
    case 'allowed':
      join.allowed(reading, origin);
      break;
    case 'access':
      join.access(reading, origin);
      break;
    case 'trouble':
      join.trouble(reading, origin);
      break;
    case 'identity':
      stream.reporter = identified(stream.reporter, reading.identity);
      break;
    case 'start':
      join.restart();
      // The start that was given is that of the first process in the log.
      if (stream.started) stream.startedAt = null;
      stream.started = true;
  }
}

function reporterOf(defaults: Partial<Reporter>, meta: LineMeta): Reporter {
  const namespace = meta.namespace === null ? (defaults.namespace ?? null) : ownCopy(meta.namespace);
  const pod = meta.pod === null ? (defaults.pod ?? null) : ownCopy(meta.pod);
  const given = defaults.workload ?? null;
  const fits = given !== null && (meta.namespace === null || meta.namespace === given.namespace) && (pod === null || belongs(pod, given));
  return { cluster: defaults.cluster ?? '', namespace, pod, workload: fits ? given : null };
}

/** Pods carry their owner's name in front. */
function belongs(pod: string, workload: NonNullable<Reporter['workload']>): boolean {
  return workload.kind === 'Pod' ? pod === workload.name : pod.startsWith(`${workload.name}-`);
}

function identified(reporter: Reporter, identity: string): Reporter {
  const id = parseIdentity(identity);
  if (id === null) return reporter;
  const { workload } = reporter;
  return {
    ...reporter,
    namespace: ownCopy(id.namespace),
    workload: workload?.namespace === id.namespace ? workload : null,
    serviceAccount: ownCopy(id.serviceAccount),
  };
}
