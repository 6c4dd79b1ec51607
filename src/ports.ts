/** The outside world on one page: what the product needs of a cluster, metrics and logs. Drivers implement it, commands choose. */
import type { AlertFact } from './evidence/alert.ts';
import type { PrometheusAnswer, ScrapeTarget } from './evidence/metrics-json.ts';
import type { Retention } from './evidence/metrics-retention.ts';
import type { Change, Instant, Resource } from './policy/resource.ts';
import type { ObjectChange } from './policy/snapshot.ts';

/** Something about the input that a person should know and that did not stop the work. */
export interface Notice {
  /** `file:line:column` where known. */
  readonly where: string;
  readonly message: string;
}

/** A cluster as it was read: its objects, or its history. */
export interface ClusterRecord {
  /** In order of time; those without a time first. */
  readonly changes: readonly Change[];
  /** The text of each manifest file, for diffs against the source. */
  readonly files: ReadonlyMap<string, string>;
  readonly notices: readonly Notice[];
  /** True when the input holds recorded watch events with times. */
  readonly isHistory: boolean;
  /** Resources that could not be read in every namespace: the one of which alone they were, or null where none was. Absent: all there is was read. */
  readonly unread?: ReadonlyMap<string, string | null>;
}

/** Files by their names, and stdin by `-`. Gzip is unpacked. Errors: InvalidInput (absent, no permission, a directory, broken gzip, stdin read twice). */
export interface Inputs {
  /** The bytes, for what may be of any length. */
  open(path: string): AsyncIterable<Uint8Array>;
  /** The whole text: UTF-8, or UTF-16 with its mark. Errors also: not text, too large for one text. */
  text(path: string): Promise<string>;
}

/** Reads a cluster. Errors: InvalidInput (unreadable, truncated, …), Unavailable. */
export interface Cluster {
  read(): Promise<ClusterRecord>;
}

/** One change of a cluster that is followed. */
export interface ClusterEdit {
  readonly change: ObjectChange;
  /** When it was seen. */
  readonly at: Instant;
  /** True: it was found in a list, and happened some time between the last word of the server and `at`. */
  readonly isListed: boolean;
}

/** A cluster that is followed as it changes. Objects hold what `keptOf` keeps. It never throws: `kinds` says what fails, and it is tried again. */
export interface ClusterWatch {
  /** Its address, for people. */
  readonly place: string;
  /** Begins; once. `changed` hears of every change from then on, those of the first lists included. */
  start(changed: (edits: readonly ClusterEdit[]) => void): void;
  /** Resolves when each kind was listed, or could not be. */
  readonly settled: Promise<void>;
  /** As they are now. */
  resources(): readonly Resource[];
  kinds(): readonly KindStatus[];
  stop(): Promise<void>;
}

/** How it goes with one kind. */
export interface KindStatus {
  /** `servers.policy.linkerd.io`. */
  readonly name: string;
  /** A cluster without it is an ordinary one. */
  readonly isOptional: boolean;
  /** `absent`: the API server does not serve it; `failing`: what was known of it stays, and grows old. */
  readonly state: 'starting' | 'watching' | 'absent' | 'failing';
  /** That is served; null: none, or not known yet. */
  readonly version: string | null;
  readonly objects: number;
  /** When the server was last heard of it; null: never. */
  readonly heardAt: Instant | null;
  readonly fault: { readonly message: string; readonly remedy: string; readonly since: Instant } | null;
}

/**
 * Prometheus' HTTP API, or another program's that speaks it (Thanos, Mimir). Errors of every call: Unavailable (absent, slow, refuses, answers
 * with something else), each with what to do.
 */
export interface Prometheus {
  /** Its address, for people. */
  readonly place: string;
  /** By its own clock. */
  now(): Promise<Instant>;
  /** An instant query for series. */
  query(expression: string, at: Instant): Promise<PrometheusAnswer>;
  /** `step` in milliseconds; both ends are included. */
  queryRange(
    expression: string,
    span: { readonly start: Instant; readonly end: Instant; readonly step: number },
  ): Promise<PrometheusAnswer>;
  /** An instant query for numbers that are of no series (`count by (…)`), by their labels. */
  numbers(expression: string, at: Instant | null): Promise<readonly LabelledNumber[]>;
  /** The active scrape targets; null: it does not know (it scrapes nothing itself). */
  targets(): Promise<readonly ScrapeTarget[] | null>;
  /** `global.external_labels` of its configuration; null: it does not tell. */
  externalLabels(): Promise<ReadonlyMap<string, string> | null>;
  /** How long it keeps what it scraped; null: it does not tell. */
  retention(): Promise<Retention | null>;
  close(): void;
}

/** How much of one proxy's log is read. */
export interface LogBounds {
  /** Lines before it are left out; null: all there is. */
  readonly since: Instant | null;
  /** The newest so many lines. */
  readonly lines: number;
  /** Most bytes in all; beyond them the newest are left out. */
  readonly bytes: number;
  /** Of the container's run before the present one. */
  readonly previous: boolean;
}

/**
 * Logs of proxies, as `kubectl logs --timestamps` writes them: each line behind its time and a space. Errors of both calls, at the first step or
 * later: Unavailable (no such pod or container, not allowed, absent, slow), with what to do.
 */
export interface Logs {
  /** Its address, for people. */
  readonly place: string;
  read(pod: ProxyPod, bounds: LogBounds): AsyncIterable<Uint8Array>;
  /** What is written after `since`, as it comes, until the container ends or the signal is given. */
  follow(pod: ProxyPod, since: Instant, signal: AbortSignal): AsyncIterable<Uint8Array>;
  close(): void;
}

export interface ProxyPod {
  readonly namespace: string;
  readonly pod: string;
}

/** The page of a proxy's own counters (port 4191, `/metrics`), read from itself. Errors: Unavailable. */
export interface ProxyPages {
  page(pod: ProxyPod): Promise<string>;
}

export interface LabelledNumber {
  readonly labels: ReadonlyMap<string, string>;
  readonly value: number;
}

/** An alert that is handed to Alertmanager. It is known by its labels; an `endsAt` in the past resolves it. */
export interface PostedAlert {
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly startsAt: Instant;
  readonly endsAt: Instant;
  /** Where people read more; empty: nowhere. */
  readonly generatorURL: string;
}

/** One Alertmanager (API v2). Errors of every call: Unavailable, with what to do. */
export interface Alertmanager {
  readonly place: string;
  post(alerts: readonly PostedAlert[]): Promise<void>;
  /** What it holds that has not ended, silenced and inhibited ones included, with the receivers of each. */
  alerts(): Promise<readonly HeldAlert[]>;
  /** When its process started: it forgets its alerts then. */
  startedAt(): Promise<Instant>;
  close(): void;
}

export interface HeldAlert {
  readonly alert: AlertFact;
  readonly receivers: readonly string[];
  /** Neither silenced nor inhibited. */
  readonly isActive: boolean;
}

/** JSON, as a store keeps it. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

/** What a store holds. Each is a set of documents by id. */
export const COLLECTIONS = [
  'incidents',
  'clients',
  'clientGroups',
  'explanations',
  'slots',
  'alerts',
  'waiting',
  'readings',
  'policy',
  'observations',
  'mutes',
  'quarantine',
  'meta',
] as const;
export type Collection = (typeof COLLECTIONS)[number];

export interface StoredDocument {
  readonly id: string;
  /** 1 when it was created, one more with each write. */
  readonly revision: number;
  readonly value: Json;
}

/** Written whole. `value` null deletes. */
export interface Write {
  readonly collection: Collection;
  readonly id: string;
  /** The revision it must have now; 0: it must not exist; null: whatever it is. */
  readonly expected: number | null;
  readonly value: Json;
  /** What `list` and `count` find it by. */
  readonly tags?: readonly string[];
  /** `list` gives the highest first, then by id. Usually a time. */
  readonly sort?: number;
}

/** All of it or none of it, durable when it resolves. */
export interface Commit {
  /** No document twice. */
  readonly writes: readonly Write[];
  /** Batches of the outside, by their idempotency keys: if one of them is known (and has not expired), nothing is written. */
  readonly batches?: readonly { readonly id: string; readonly expiresAt: Instant }[];
  /** Appended to the stream of events, in this order. */
  readonly events?: readonly Json[];
}

/**
 * `conflict`: a document had another revision, nothing was written; read again and retry. `known`: these batches were committed before, nothing
 * was written; leave them out and retry. Known batches go before conflicts.
 */
export type CommitResult = 'done' | 'conflict' | { readonly known: readonly string[] };

export interface StoredEvent {
  /** Strictly increasing, over all processes on one store. */
  readonly sequence: number;
  readonly value: Json;
}

/** Where the list goes on. */
export interface Cursor {
  readonly sort: number;
  readonly id: string;
}

/**
 * Documents, their index, a stream of events, known batches and leases. All triage state goes through here.
 * Errors of every call: Unavailable (read-only, full, gone). A commit that was refused wrote nothing; one that was cut off (connection lost,
 * no answer in time) may be there as a whole: only `batches` or an `expected` make it safe to send again.
 */
export interface Store {
  /** In the order of the ids; null for each that does not exist. */
  get(collection: Collection, ids: readonly string[]): Promise<readonly (StoredDocument | null)[]>;
  /** Highest `sort` first, then by id; `oldestFirst`: that order backwards. Without a tag: all of the collection. */
  list(
    collection: Collection,
    options: { readonly tag?: string; readonly after?: Cursor; readonly oldestFirst?: boolean; readonly limit: number },
  ): Promise<readonly (StoredDocument & Cursor)[]>;
  count(collection: Collection, tag?: string): Promise<number>;
  commit(commit: Commit): Promise<CommitResult>;
  /** Events after a sequence number, oldest first. */
  events(after: number, limit: number): Promise<readonly StoredEvent[]>;
  /** The number of the newest event that is kept; 0: there is none. */
  lastEvent(): Promise<number>;
  /** Drops all but the newest `keep` events, and batches that expired by `now`, at most `most` of each; returns how many went. */
  trim(options: { readonly keep: number; readonly now: Instant; readonly most: number }): Promise<number>;
  /** Takes or renews a lease for `holder`; false while another holds it. Time is the store's own. */
  lease(name: string, holder: string, milliseconds: number): Promise<boolean>;
  release(name: string, holder: string): Promise<void>;
  /** One plain sentence: what survives the loss of the process, and of the machine. */
  durability(): string;
  /** Resolves while the store takes writes. */
  ping(): Promise<void>;
  close(): Promise<void>;
}

/** One thing of a store, as it stands there. */
export type Archived =
  | {
      readonly type: 'document';
      readonly collection: Collection;
      readonly id: string;
      readonly revision: number;
      readonly sort: number;
      readonly tags: readonly string[];
      readonly value: Json;
    }
  | { readonly type: 'batch'; readonly id: string; readonly expiresAt: Instant }
  | { readonly type: 'event'; readonly sequence: number; readonly value: Json };

/** A store as a whole, to move it to another one. Leases stay behind. Errors of every call: Unavailable. */
export interface Archive {
  isEmpty(): Promise<boolean>;
  /** All of it in steps, events in their order, nothing expired. What is written meanwhile may be missing, or stand there as it was or as it is. */
  read(): AsyncIterable<readonly Archived[]>;
  /** Puts things where they stood, over what is there; events in their order, those that are there already left out. Durable when it resolves. */
  write(things: readonly Archived[]): Promise<void>;
}

export interface ParkedJob {
  readonly id: string;
  readonly reason: string;
  readonly attempts: number;
  readonly at: Instant;
}

/**
 * Work by id: at least once, so work must be idempotent and read its state anew. An add while the id waits is the same job; an add while it runs
 * causes one more run, which starts after this one ended. Ids may hold any characters. Work that keeps failing is parked with its reason; it stays
 * parked until someone retries it, or until it was added anew and succeeded. Work that throws Unavailable is delayed and tried again for as long as
 * it does: an outage parks nothing.
 */
export interface Queue {
  /** Durable when it resolves. Errors: Unavailable. */
  add(ids: readonly string[]): Promise<void>;
  /** Starts to work; once per queue. */
  process(work: (id: string) => Promise<void>): void;
  counts(): Promise<{ readonly waiting: number; readonly active: number; readonly delayed: number; readonly parked: number }>;
  /** Newest first. */
  parked(limit: number): Promise<readonly ParkedJob[]>;
  /** Takes it off the parked ones and lets it run, with all its attempts. False: no such parked job. */
  retry(id: string): Promise<boolean>;
  /** Lets running work end, up to the deadline; what did not end runs again after a restart. */
  close(deadlineMilliseconds: number): Promise<void>;
}

/** One explained revision of an incident, for other programs. */
export interface Publication {
  /** The incident's id. */
  readonly id: string;
  readonly revision: number;
  readonly value: Json;
}

/** Hands explained incidents to other programs. A revision that is published again, while it is still known, is handed over once. */
export interface Publisher {
  /** Errors: Unavailable. */
  publish(publications: readonly Publication[]): Promise<void>;
  /** How many nobody fetched in time, so that newer ones took their place; since the process started. */
  trimmed(): number;
  close(): Promise<void>;
}

/** A Prometheus, as far as its rules are concerned. Errors of every call: Unavailable. */
export interface RuleServer {
  /** For people: its address without secrets. */
  readonly place: string;
  /** As it writes it; empty: it does not say. */
  version(): Promise<string>;
  /** Of the series that the selector takes, lately. */
  labelNames(selector: string): Promise<readonly string[]>;
  labelValues(label: string, selector: string): Promise<readonly string[]>;
  /** `data` of `/api/v1/rules`. */
  rules(): Promise<unknown>;
  close(): void;
}
