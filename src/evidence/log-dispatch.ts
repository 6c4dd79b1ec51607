/** Which reader understands which target. */
import { MESSAGE, TARGET } from './conventions.ts';
import { readController } from './log-controller.ts';
import { readHttpPolicy, readHttpPolicy211, readTcpPolicy, readTcpPolicy211 } from './log-denial.ts';
import type { LogEvent } from './log-event.ts';
import { readResponse, readServe, readServerError } from './log-failure.ts';
import { isIrrelevant } from './log-irrelevant.ts';
import type { Outcome } from './log-reading.ts';
import { readDetect, readFailfast, readFailfastStack, readPolicyApi, readReconnect, readRemoteError, readResolve } from './log-symptom.ts';

const READERS = new Map<string, (event: LogEvent) => Outcome>([
  [TARGET.http, readHttpPolicy],
  [TARGET.tcp, readTcpPolicy],
  [TARGET.http211, readHttpPolicy211],
  [TARGET.tcp211, readTcpPolicy211],
  [TARGET.httpServer, readServerError],
  [TARGET.respond, readResponse],
  [TARGET.serve, readServe],
  [TARGET.policyApi, readPolicyApi],
  [TARGET.outboundPolicyApi, readPolicyApi],
  [TARGET.detect, readDetect],
  [TARGET.reconnect, readReconnect],
  [TARGET.resolve, readResolve],
  [TARGET.failfast, readFailfast],
  [TARGET.failfastStack, readFailfastStack],
  [TARGET.failfast211, readFailfastStack],
  [TARGET.remoteError, readRemoteError],
  [TARGET.main, readMain],
]);

export function readEvent(event: LogEvent): Outcome {
  if (event.thread < 0) return readController(event);
  const outcome = READERS.get(event.target)?.(event) ?? null;
  return outcome === null && isIrrelevant(event) ? 'irrelevant' : outcome;
}

/** `<profile> <version> (<sha>) by <vendor> on <date>`; Linkerd 2.11 has no such line. */
const VERSION = /^[a-z]{1,20} \S{1,60} \([0-9a-f]{1,40}\) by \S{1,60} on \S{1,40}$/;

function readMain(event: LogEvent): Outcome {
  if (event.text.startsWith(MESSAGE.localIdentity)) return { type: 'identity', identity: event.text.slice(MESSAGE.localIdentity.length) };
  return VERSION.test(event.text) ? { type: 'start' } : null;
}
