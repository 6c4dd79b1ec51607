/** Follows one kind: lists it, watches it from there, and begins anew when it must. What can fail here does, some day, so each fault only delays. */
import type { Unavailable } from '../errors.ts';
import type { Instant, Resource } from '../policy/resource.ts';
import type { KubernetesClient } from './kubernetes-client.ts';
import { connectionFault, KubernetesRefusal } from './kubernetes-faults.ts';
import type { WatchedKind } from './kubernetes-kinds.ts';
import { listKind } from './kubernetes-list.ts';
import { watchKind } from './kubernetes-watch.ts';

/** What becomes of a kind. */
export interface KindSink {
  /** These are all there are. */
  listed(resources: readonly Resource[]): void;
  applied(resource: Resource): void;
  deleted(resource: Resource): void;
  /** The server was heard just now. */
  heard(): void;
  /** Where it stands, without a fault. `absent`: the server has no such kind. */
  stands(state: 'watching' | 'absent', version: string | null): void;
  /** What is known stays as it is, and grows old. */
  failed(fault: Unavailable): void;
}

export interface FollowTools {
  readonly client: KubernetesClient;
  /** From 0 to 1. */
  readonly random: () => number;
  /** Resolves after so many milliseconds, or when the signal is given. */
  readonly sleep: (milliseconds: number, signal: AbortSignal) => Promise<void>;
  readonly now: () => Instant;
  readonly timing: FollowTiming;
}

/** Milliseconds, except where it says otherwise. */
export interface FollowTiming {
  /** After a first fault, doubled with each that follows. */
  readonly firstPause: number;
  readonly longestPause: number;
  /** Until a kind that is not served, or may not be read, is asked for again. */
  readonly patience: number;
  /** After which a watch is to be ended by the server; up to twice as long. Seconds. */
  readonly watchSeconds: number;
  readonly idle: number;
}

export const TIMING: FollowTiming = {
  firstPause: 1000,
  longestPause: 60_000,
  patience: 20_000,
  watchSeconds: 300,
  idle: 150_000,
};

/** A watch that ended sooner than this was no good. */
const SHORT = 1000;

interface Position {
  version: string;
  resourceVersion: string;
}

/** Until the signal is given. Does not reject. */
export async function followKind(kind: WatchedKind, sink: KindSink, tools: FollowTools, signal: AbortSignal): Promise<void> {
  const { client, random, sleep, now, timing } = tools;
  let position: Position | null = null;
  let failures = 0;
  let wasAbsent = false;

  /** Between half of it and all of it, so that a thousand watches do not come back at once. */
  const rest = (milliseconds: number) => sleep(milliseconds * (0.5 + random() / 2), signal);
  const pause = () => rest(Math.min(timing.longestPause, timing.firstPause * 2 ** Math.min(failures - 1, 10)));

  async function list(): Promise<Position | null> {
    const listed = await listKind(client, kind, { signal });
    if (signal.aborted) return null;
    if (listed !== null) {
      wasAbsent = false;
      sink.listed(listed.resources);
      sink.stands('watching', listed.version);
      return { version: listed.version, resourceVersion: listed.resourceVersion };
    }
    // A server that starts may not know its CustomResourceDefinitions yet: it is asked twice before everything is gone.
    if (wasAbsent) {
      sink.listed([]);
      sink.stands('absent', null);
      await rest(timing.patience);
    } else await rest(timing.firstPause);
    wasAbsent = true;
    return null;
  }

  async function watch(at: Position): Promise<void> {
    const begin = now();
    const seconds = timing.watchSeconds * (1 + random());
    for await (const event of watchKind(client, kind, { ...at, signal, seconds, idle: timing.idle })) {
      if (event.resourceVersion !== '') at.resourceVersion = event.resourceVersion;
      sink.heard();
      if (event.type === 'open') sink.stands('watching', at.version);
      else failures = 0;
      if (event.type === 'applied' || event.type === 'deleted') sink[event.type](event.resource);
    }
    if (now() - begin < SHORT) {
      failures++;
      await pause();
    } else failures = 0;
  }

  while (!signal.aborted) {
    try {
      position ??= await list();
      if (position === null) continue;
      await watch(position);
      // A better version may be served by now.
      if (position.version !== kind.versions[0]) position = null;
    } catch (error) {
      if (signal.aborted) return;
      const fault = connectionFault(error, client.place, timing.idle);
      const status = fault instanceof KubernetesRefusal ? fault.status : null;
      failures++;
      if (status === 404 || status === 410) {
        // Listed anew, at once if it is the first time.
        position = null;
        if (failures > 1) await pause();
        continue;
      }
      sink.failed(fault);
      await (status === 403 ? rest(timing.patience) : pause());
    }
  }
}
