/** What Redis and the way to it refuse, in words for people. */
import { Unavailable } from '../errors.ts';

/** Error replies by their first word (https://redis.io/docs/latest/develop/reference/protocol-spec/#simple-errors): what is wrong, what to do. */
const REPLIES: ReadonlyMap<string, readonly [wrong: string, remedy: string]> = new Map([
  ['READONLY', ['is a read-only replica', 'Name the primary in the address of Redis, or wait for the failover to end.']],
  ['OOM', ['is out of memory', 'Raise maxmemory, or shorten what denywhy keeps (retention); denywhy goes on by itself.']],
  ['MISCONF', ['cannot write to its disk', 'Look into the log of Redis: its disk is full or not writable; denywhy goes on by itself.']],
  ['LOADING', ['is still loading its data', 'Wait until it has: denywhy goes on by itself.']],
  ['BUSY', ['is busy with a script', 'Wait, or run SCRIPT KILL; give denywhy a Redis of its own.']],
  ['MASTERDOWN', ['has lost its primary', 'Wait for the failover to end, or name the primary in the address of Redis.']],
  ['NOREPLICAS', ['has too few replicas to accept writes', 'Bring the replicas back, or lower min-replicas-to-write.']],
  ['CLUSTERDOWN', ['is a cluster that is down', 'denywhy needs a single Redis with or without replicas, not a cluster.']],
  ['CROSSSLOT', ['is a cluster', 'denywhy needs a single Redis with or without replicas, not a cluster.']],
  ['MOVED', ['is a cluster', 'denywhy needs a single Redis with or without replicas, not a cluster.']],
  ['NOAUTH', ['wants a password', 'Put the password into the address of Redis.']],
  ['WRONGPASS', ['does not know this user and password', 'Correct user and password in the address of Redis.']],
  [
    'NOPERM',
    [
      'does not permit this command',
      'Give the user of denywhy all commands but the dangerous ones, and INFO, on its own keys (ACL SETUSER … +@all -@dangerous +info).',
    ],
  ],
]);

const GONE = 'Start Redis, or correct its address; denywhy goes on by itself once it answers.';

/**
 * A failed command as Unavailable; anything that is neither an error reply of the list nor trouble with the connection as it came.
 * `cause`: the last trouble with the connection, which says more than "closed".
 */
export function redisFault(error: unknown, place: string, cause: Error | null): unknown {
  if (!(error instanceof Error) || error instanceof Unavailable) return error;
  const text = error.message.replace(/^Error: /, '');
  const reply = REPLIES.get(/^[A-Z]+/.exec(text)?.[0] ?? '');
  if (reply !== undefined) return new Unavailable(`Redis at ${place} ${reply[0]}.`, reply[1], { cause: error });
  if (text === 'Command timed out') return new Unavailable(`Redis at ${place} does not answer in time.`, GONE, { cause: error });
  if (!isConnectionTrouble(error)) return error;
  const why = cause === null || cause.message === '' ? '' : ` (${codeOf(cause) ?? cause.message})`;
  return new Unavailable(`Redis at ${place} is not reachable${why}.`, GONE, { cause: error });
}

const CLIENT_TROUBLE = ["Stream isn't writeable", 'Connection is closed', 'Reached the max retries', 'Connection is in', 'connect E'];

function isConnectionTrouble(error: Error): boolean {
  return codeOf(error) !== null || CLIENT_TROUBLE.some((text) => error.message.startsWith(text));
}

/** `ECONNREFUSED` and the like. */
function codeOf(error: Error): string | null {
  return 'code' in error && typeof error.code === 'string' && error.code.startsWith('E') ? error.code : null;
}
