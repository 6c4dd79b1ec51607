/** The API server's audit log (audit.k8s.io/v1, JSON lines): who wrote which object when. */
import type { Instant, ObjectRef } from '../policy/resource.ts';
import { isObject } from '../policy/selector.ts';
import { parseInstant } from '../policy/time.ts';

/** One write that the API server carried out. */
export interface AuditedWrite {
  /** When it was answered. */
  readonly at: Instant;
  readonly verb: string;
  readonly author: Author;
  /** Of the object that came of it; null: the log's level does not tell. */
  readonly resourceVersion: string | null;
}

export interface Author {
  /** `admin`, `system:serviceaccount:argocd:argocd-application-controller`. */
  readonly user: string;
  /** Who acted in that user's name (`kubectl --as`); null: the user itself. */
  readonly impersonatedBy: string | null;
  /** `fieldManager` of the request; null: it named none. */
  readonly manager: string | null;
}

export interface AuditTrail {
  /**
   * The write that made this version of an object, or deleted it: by its resource version, else the one nearest in time within a few seconds.
   * null: the log does not hold it.
   */
  find(
    ref: ObjectRef,
    version: { readonly resourceVersion: string | null; readonly at: Instant; readonly isDeletion: boolean },
  ): AuditedWrite | null;
}

export interface AuditStats {
  readonly lines: number;
  /** Writes that are kept. */
  readonly writes: number;
  /** Lines that are no audit events. */
  readonly malformed: number;
  /** The first of those; 0: there is none. */
  readonly firstMalformed: number;
  /** Writes that found no room. */
  readonly beyond: number;
}

export interface AuditReader {
  /** One line, of any length and origin. */
  push(line: string): void;
  readonly trail: AuditTrail;
  stats(): AuditStats;
}

const MOST_WRITES = 200_000;
/** A request with both objects in full stays far below it. */
const LONGEST_LINE = 16 * 1024 * 1024;
const LONGEST_NAME = 512;

/** Errors: none. What is no audit event is counted, what is no write is passed over. */
export function createAuditReader(mostWrites = MOST_WRITES): AuditReader {
  const byObject = new Map<string, AuditedWrite[]>();
  let [lines, writes, malformed, firstMalformed, beyond] = [0, 0, 0, 0, 0];
  const keep = (event: Fields): void => {
    const read = readWrite(event);
    if (read === null) return;
    if (writes >= mostWrites) {
      beyond++;
      return;
    }
    writes++;
    const known = byObject.get(read.key);
    if (known === undefined) byObject.set(read.key, [read.write]);
    else known.push(read.write);
  };
  return {
    push(line) {
      lines++;
      if (line.trim() === '') return;
      const events = eventsIn(line);
      for (const event of events ?? []) keep(event);
      if (events !== null) return;
      malformed++;
      if (firstMalformed === 0) firstMalformed = lines;
    },
    trail: { find: (ref, version) => findIn(byObject.get(keyOfRef(ref)) ?? [], version) },
    stats: () => ({ lines, writes, malformed, firstMalformed, beyond }),
  };
}

/** Clocks differ, and a watch tells of a change a little later. */
const NEAR_MS = 5000;

function findIn(writes: readonly AuditedWrite[], version: Parameters<AuditTrail['find']>[1]): AuditedWrite | null {
  const { resourceVersion, at, isDeletion } = version;
  const fitting = writes.filter(({ verb }) => DELETIONS.has(verb) === isDeletion);
  const same = resourceVersion === null || isDeletion ? undefined : fitting.find((write) => write.resourceVersion === resourceVersion);
  if (same !== undefined) return same;
  let nearest: AuditedWrite | null = null;
  for (const write of fitting) {
    // One that is known to have made another version is not it.
    if (!isDeletion && resourceVersion !== null && write.resourceVersion !== null) continue;
    const distance = Math.abs(write.at - at);
    if (distance <= NEAR_MS && (nearest === null || distance < Math.abs(nearest.at - at))) nearest = write;
  }
  return nearest;
}

type Fields = Readonly<Record<string, unknown>>;

/** An event, or a list of them as a webhook backend gets it. null: neither. */
function eventsIn(line: string): readonly Fields[] | null {
  const value = line.length > LONGEST_LINE ? null : parseJson(line);
  if (!isObject(value) || !isAudit(value['apiVersion'])) return null;
  if (value['kind'] === 'Event') return [value];
  const { items } = value;
  return value['kind'] === 'EventList' && Array.isArray(items) ? items.filter(isObject) : null;
}

function isAudit(apiVersion: unknown): boolean {
  return typeof apiVersion === 'string' && apiVersion.startsWith('audit.k8s.io/');
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

const DELETIONS: ReadonlySet<string> = new Set(['delete', 'deletecollection']);
const WRITES: ReadonlySet<string> = new Set(['create', 'update', 'patch', ...DELETIONS]);
/** Not `exec`, `log`, `portforward`, …, which the verb `create` asks for and which change nothing. */
const WRITTEN_PARTS: ReadonlySet<string> = new Set(['', 'status']);

/** null: it read, was refused, was a dry run, or has not been answered yet. */
function readWrite(event: Fields): { readonly key: string; readonly write: AuditedWrite } | null {
  const { verb, stage, requestURI } = event;
  const [target, object] = [fields(event['objectRef']), fields(event['responseObject'])];
  const code = fields(event['responseStatus'])['code'];
  if (typeof verb !== 'string' || !WRITES.has(verb) || stage !== 'ResponseComplete') return null;
  if (typeof code === 'number' && (code < 200 || code > 299)) return null;
  const query = queryOf(text(requestURI));
  if (query.has('dryRun') || !WRITTEN_PARTS.has(text(target['subresource']))) return null;
  const metadata = fields(object['metadata']);
  const at = parseInstant(text(event['stageTimestamp'])) ?? parseInstant(text(event['requestReceivedTimestamp']));
  const name = text(target['name']) || text(metadata['name']);
  const user = text(fields(event['user'])['username']);
  if (at === null || name === '' || user === '') return null;
  const acting = text(fields(event['impersonatedUser'])['username']);
  // A deletion is answered with a Status, or with the object as it was.
  const version = DELETIONS.has(verb) ? '' : text(metadata['resourceVersion']);
  return {
    key: keyOf(text(target['apiGroup']), text(target['resource']), text(target['namespace']), name),
    write: {
      at,
      verb,
      author: {
        user: acting === '' ? user : acting,
        impersonatedBy: acting === '' ? null : user,
        manager: query.get('fieldManager') ?? null,
      },
      resourceVersion: version === '' ? null : version,
    },
  };
}

function fields(value: unknown): Fields {
  return isObject(value) ? value : {};
}

function text(value: unknown): string {
  return typeof value === 'string' ? value.slice(0, LONGEST_URI) : '';
}
const LONGEST_URI = 8192;

function queryOf(uri: string): ReadonlyMap<string, string> {
  const start = uri.indexOf('?');
  const pairs = new Map<string, string>();
  if (start < 0) return pairs;
  for (const part of uri.slice(start + 1).split('&', 32)) {
    const equals = part.indexOf('=');
    if (equals > 0) pairs.set(part.slice(0, equals), decoded(part.slice(equals + 1)).slice(0, LONGEST_NAME));
  }
  return pairs;
}

function decoded(value: string): string {
  try {
    return decodeURIComponent(value.replaceAll('+', ' '));
  } catch {
    return value;
  }
}

function keyOf(group: string, resource: string, namespace: string, name: string): string {
  return `${group}/${resource}/${namespace}/${name}`;
}

function keyOfRef({ group, kind, namespace, name }: ObjectRef): string {
  return keyOf(group, pluralOf(kind), namespace, name);
}

/** What Kubernetes itself guesses of a kind that it has no table for (apimachinery `meta.UnsafeGuessKindToResource`). */
function pluralOf(kind: string): string {
  const singular = kind.toLowerCase();
  if (singular.endsWith('s')) return `${singular}es`;
  return singular.endsWith('y') ? `${singular.slice(0, -1)}ies` : `${singular}s`;
}
