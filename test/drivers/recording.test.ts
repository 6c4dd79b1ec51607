import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { afterAll, describe, expect, it } from 'vitest';
import { createInputs } from '../../src/drivers/inputs.ts';
import { openRecording, type RecordedEvent, type Recording } from '../../src/drivers/recording.ts';
import { InvalidInput } from '../../src/errors.ts';
import { smallRecording } from '../small-recording.ts';

const root = mkdtempSync(join(tmpdir(), 'denywhy-recording-'));
afterAll(() => rmSync(root, { recursive: true }));
let count = 0;

type Files = Readonly<Record<string, string | Uint8Array | null>>;

/** The small recording with other files in place of its own; null takes one away. */
function put(changes: Files = {}): string {
  const directory = join(root, String(count++));
  mkdirSync(directory);
  const files = new Map<string, string | Uint8Array | null>([
    ...smallRecording({ requests: 3, connections: 2, before: 0 }),
    ...Object.entries(changes),
  ]);
  for (const [name, content] of files) {
    if (content === null) continue;
    mkdirSync(dirname(join(directory, name)), { recursive: true });
    writeFileSync(join(directory, name), content);
  }
  return directory;
}

const open = (directory: string) => openRecording(directory, createInputs({ stdin: Readable.from([]) }));

async function eventsOf(recording: Recording): Promise<RecordedEvent[]> {
  const events: RecordedEvent[] = [];
  for await (const event of recording.events()) events.push(event);
  return events;
}

const show = (event: RecordedEvent) =>
  event.kind === 'log' ? `log ${event.log.pod}:${event.line}` : event.kind === 'samples' ? `samples ${event.samples.length}` : event.kind;

async function faultOf(directory: string): Promise<string> {
  const error = await open(directory)
    .then(eventsOf)
    .catch((e: unknown) => e);
  if (!(error instanceof InvalidInput)) throw error;
  const { file, line } = error.place ?? {};
  return `${[file?.replace(directory, ''), line].filter((part) => part !== undefined).join(':')} ${error.message}`;
}

describe('a recording', () => {
  it('is read in the order of time: policy, then logs, samples and webhooks as they come', async () => {
    const events = await eventsOf(await open(put()));
    expect(events.filter((e) => e.kind !== 'policy').map(show)).toEqual([
      'samples 2',
      'samples 2',
      ...[1, 2, 3, 4, 5, 6].map((line) => `log cart-6c9d8b7f5d-aaaaa:${line}`),
      'webhook',
      'log ledger-0:1',
      'log ledger-0:2',
      'samples 4',
      'webhook',
      'samples 4',
    ]);
    const times = events.map((e) => e.at ?? 0);
    expect(times).toEqual([...times].sort((a, b) => a - b));
  });

  it('reads the story that comes with it in order, every line of every log', async () => {
    const recording = await open(fileURLToPath(new URL('../../demo', import.meta.url)));
    let last = 0;
    const counts = new Map<string, number>();
    for await (const { kind, at } of recording.events()) {
      expect(at ?? 0).toBeGreaterThanOrEqual(last);
      last = at ?? 0;
      counts.set(kind, (counts.get(kind) ?? 0) + 1);
    }
    expect(Object.fromEntries(counts)).toMatchObject({ log: 2246, policy: 46 });
  });

  it('may be packed, wholly or in part', async () => {
    const files = smallRecording({ requests: 3, connections: 2, before: 0 });
    const packed = Object.fromEntries(
      [...files].flatMap(([name, text]) => [
        [name, null],
        [`${name}.gz`, gzipSync(text)],
      ]),
    );
    expect((await eventsOf(await open(put(packed)))).map(show)).toEqual((await eventsOf(await open(put()))).map(show));
  });

  it('knows the namespace of a log from the one Pod of that name, and says which logs are of no use', async () => {
    const { logs, notices } = await open(put({ 'logs/cart-6c9d8b7f5d-aaaaa.cart.log': 'hello\n', 'logs/gone.linkerd-proxy.log': '' }));
    expect(logs.map(({ pod, namespace }) => [pod, namespace])).toEqual([
      ['cart-6c9d8b7f5d-aaaaa', 'mart'],
      ['gone', null],
      ['ledger-0', 'mart'],
    ]);
    expect(notices.map(({ message }) => message)).toEqual([
      '1 logs of other containers were passed over: POD.linkerd-proxy.log and POD.policy.log are read.',
    ]);
  });

  it('keeps a line without a time with the line before it', async () => {
    const log = '2025-02-03T14:00:31Z [ 1.0s] INFO ThreadId(01) a: b\n    at c\n2025-02-03T14:00:30Z late\n';
    const events = (await eventsOf(await open(put({ 'logs/ledger-0.linkerd-proxy.log': log })))).filter((e) => e.kind === 'log');
    expect(events.filter(({ log: { pod } }) => pod === 'ledger-0').map(({ at }) => at)).toEqual(
      Array(3).fill(Date.parse('2025-02-03T14:00:31Z')),
    );
  });
});

describe('what is no recording is refused, with the place of the fault', () => {
  const nothing = Object.fromEntries([...smallRecording({ requests: 1, connections: 1, before: 0 }).keys()].map((name) => [name, null]));
  const dump = (text: string): Files => ({ 'prometheus/tsdb.om': text });

  it.each<[string, Files, string]>([
    ['nothing at all', nothing, ' There is nothing in this directory.'],
    ['other files', { ...nothing, 'README.md': '#' }, ' There is no recording in this directory.'],
    ['no policy', { 'policy-history.jsonl': null }, ' This is half a recording: policy-history.jsonl is missing.'],
    [
      'policy alone',
      { ...nothing, 'policy-history.jsonl': smallRecording({ requests: 0, connections: 0, before: 0 }).get('policy-history.jsonl') ?? '' },
      ' This is half a recording: logs/POD.linkerd-proxy.log or prometheus/*.om is missing.',
    ],
    [
      'a dump in place of the history',
      { 'policy-history.jsonl': '{"apiVersion":"v1","kind":"Pod","metadata":{"name":"a","namespace":"b"}}\n' },
      '/policy-history.jsonl These objects have no times: nobody knows which policy was in force when.',
    ],
    [
      'a log without times',
      { 'logs/ledger-0.linkerd-proxy.log': '[ 1.0s] INFO ThreadId(01) a: b\n' },
      '/logs/ledger-0.linkerd-proxy.log:1 This line does not say when it was written.',
    ],
    ['a dump that is cut off', dump('up{a="b"} 1 1738591200\n'), '/prometheus/tsdb.om This dump is cut off: # EOF is missing at its end.'],
    [
      'a line that is no sample',
      dump('up{a="b"} 1 1738591200\nup{a= 1\n# EOF\n'),
      '/prometheus/tsdb.om:2 This line is no sample of a metric.',
    ],
    ['samples without times', dump('up{a="b"} 1\n# EOF\n'), '/prometheus/tsdb.om These samples have no times.'],
    [
      'a webhook that is no JSON',
      { 'alertmanager-webhooks.jsonl': '\n{"receivedAt"\n' },
      '/alertmanager-webhooks.jsonl:2 This line is not JSON.',
    ],
    [
      'a webhook without a time',
      { 'alertmanager-webhooks.jsonl': '{"body":{}}\n' },
      '/alertmanager-webhooks.jsonl:1 This line is no recorded webhook.',
    ],
    [
      'a packed file that is cut off',
      { 'alertmanager-webhooks.jsonl': gzipSync('{"receivedAt":"2025-02-03T14:00:00Z","body":{}}\n'.repeat(100)).subarray(0, 40) },
      '/alertmanager-webhooks.jsonl This gzip file ends too early.',
    ],
  ])('%s', async (_, files, message) => {
    expect(await faultOf(put(files))).toBe(message);
  });

  it('a directory that is not there, and a file', async () => {
    expect(await faultOf(join(root, 'nowhere'))).toBe(' There is no such directory.');
    const directory = put();
    expect(await faultOf(join(directory, 'policy-history.jsonl'))).toBe(' This is no directory.');
  });
});
