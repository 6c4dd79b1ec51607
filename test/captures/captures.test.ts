import { readdirSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parseGoJson } from '../../src/policy/diagnostics-policy.ts';
import { alterations } from '../oracle/alterations.ts';
import { differencesOfPolicies } from './diagnostics.ts';
import { checkFolder, folderAt, foldersBelow } from './folders.ts';
import type { Check, Folder } from './report.ts';

const FIXTURES = new URL('../fixtures/captures/', import.meta.url).pathname;
const SITUATIONS = readdirSync(`${FIXTURES}situations`).map((name) => folderAt(`${FIXTURES}situations/${name}`));
const STORY = folderAt(`${FIXTURES}story`);

function disagreements(folder: Folder): readonly Check[] {
  return checkFolder(folder).checks.filter((check) => check.differences.length > 0);
}

function altered(folder: Folder, file: string, text: string | null): Folder {
  return { name: folder.name, read: (wanted) => (wanted === file ? text : folder.read(wanted)) };
}

function textOf(folder: Folder, file: string): string {
  return folder.read(file) ?? expect.fail(`${folder.name} has no ${file}`);
}

describe.each(SITUATIONS.map((folder) => [folder.name, folder] as const))('%s', (_name, folder) => {
  it('agrees in verdicts, policy, counters and log lines', () => {
    const { checks } = checkFolder(folder);
    expect(checks.filter((check) => check.differences.length > 0)).toEqual([]);
    expect(new Set(checks.map((check) => check.kind))).toEqual(new Set(['verdict', 'policy', 'metrics', 'log']));
  });

  it('reports each altered verdict', () => {
    const replay = JSON.parse(textOf(folder, 'replay.json'));
    for (const entry of [...replay.before, ...(replay.after ?? [])].filter((e) => e.decidable)) {
      const { verdict } = entry;
      entry.verdict = verdict === 'allow' ? 'deny' : 'allow';
      const found = disagreements(altered(folder, 'replay.json', JSON.stringify(replay)));
      expect(found.map((c) => c.kind)).toEqual(['verdict']);
      entry.verdict = verdict;
    }
  });

  it('reports an altered line of metricDelta', () => {
    const truth = JSON.parse(textOf(folder, 'truth.json'));
    const lines: readonly string[] = truth.metricDelta;
    const others = [
      lines.slice(1),
      lines.map((line) => line.replace(/\d+$/, (n) => `${Number(n) + 1}`)),
      lines.map((line) => line.replace(/(srv_name|error|session_protocol)="/, '$1="x')),
    ];
    for (const metricDelta of others) {
      const found = disagreements(altered(folder, 'truth.json', JSON.stringify({ ...truth, metricDelta })));
      expect(found.map((c) => c.kind)).toContain('metrics');
    }
  });

  it('reports each counter of denials that grew otherwise', () => {
    const page = textOf(folder, 'server-metrics-after.prom');
    for (const { 0: line, 1: count, index } of page.matchAll(/^inbound_\w+_(?:deny|not_found|ratelimit|terminate)_total\{.*\} (\d+)$/gm)) {
      const other = `${line.slice(0, -String(count).length)}${Number(count) + 1}`;
      const found = disagreements(
        altered(folder, 'server-metrics-after.prom', page.slice(0, index) + other + page.slice(index + line.length)),
      );
      expect(new Set(found.map((c) => c.kind))).toEqual(new Set(['metrics', 'log']));
    }
  });

  it('reports each altered leaf of the effective policy', () => {
    const policy = parseGoJson(textOf(folder, 'diagnostics-policy.json'));
    const others = [...alterations(policy)];
    for (const other of others) {
      if (differencesOfPolicies(other, policy).length === 0) expect.fail(`not noticed: ${JSON.stringify(other)}`);
    }
    const found = disagreements(altered(folder, 'diagnostics-policy.json', JSON.stringify(others.at(-1))));
    expect(found.map((c) => c.kind)).toEqual(['policy']);
  });
});

const PLAIN_CHANGES: readonly (readonly [field: string, from: RegExp, to: string])[] = [
  ['address', /client(?:\.ip)?=[0-9a-f.:]+/, 'client.ip=10.9.9.9'],
  ['identity', /Name\("(\w)/, 'Name("x$1'],
  ['identity', /Some\(Established \{.* \}\)/, 'None(NoClientHello)'],
  ['Server', /server\.name=/, 'server.name=x'],
  ["Server's kind", /server\.kind=/, 'server.kind=x'],
  ['route', /route\.name=/, 'route.name=x'],
  ['message', /denied server/, 'declined server'],
];
const JSON_CHANGES: readonly (readonly [field: string, from: RegExp, to: string])[] = [
  ['address', /"client\.ip":"/, '"client.ip":"2001:db8::'],
  ['identity', /Name\(\\"(\w)/, 'Name(\\"x$1'],
  ['Server', /"server\.name":"/, '"server.name":"x'],
  ['route', /"route\.name":"/, '"route.name":"x'],
  ['message', /"message":"Request denied"/, '"message":"Request declined"'],
];

describe('an altered denial line is reported', () => {
  const recorded = SITUATIONS.flatMap((folder) =>
    linesOf(folder, 'server-proxy.log', /policy::(?:http|tcp): (?:Request|Connection) denied/),
  );
  const repeated = SITUATIONS.flatMap((folder) => [
    ...linesOf(folder, 'server-proxy.json.log', /"message":"Request denied"/),
    ...linesOf(folder, 'server-proxy-debug.json.log', /"message":"Request denied"/),
  ]).filter(({ line }) => !line.includes('"name":"admin"'));

  it.each(PLAIN_CHANGES)('in its %s (%s)', (_field, from, to) => {
    const changed = recorded.filter(({ line }) => from.test(line) && line.replace(from, to) !== line);
    expect(changed.length).toBeGreaterThan(2);
    for (const line of changed) expectReported(line, line.line.replace(from, to));
  });

  it.each(JSON_CHANGES)('in its %s, in JSON (%s)', (_field, from, to) => {
    const changed = repeated.filter(({ line }) => from.test(line));
    expect(changed.length).toBeGreaterThan(2);
    for (const line of changed) expectReported(line, line.line.replace(from, to));
  });

  it('where it is missing, or there twice', () => {
    for (const line of recorded) {
      expectReported(line, '');
      if (!line.line.includes('daemon:admin')) expectReported(line, `${line.line}\n${line.line}`);
    }
  });
});

interface LogLine {
  readonly folder: Folder;
  readonly file: string;
  readonly number: number;
  readonly line: string;
}

/** The kubelet's are not the replay's. */
function linesOf(folder: Folder, file: string, wanted: RegExp): readonly LogLine[] {
  const lines = (folder.read(file) ?? '').split('\n');
  return lines.flatMap((line, number) => (wanted.test(line) && !line.includes('192.168.77.10') ? [{ folder, file, number, line }] : []));
}

function expectReported({ folder, file, number, line }: LogLine, other: string): void {
  const text = textOf(folder, file).split('\n').with(number, other).join('\n');
  const found = disagreements(altered(folder, file, text));
  if (!found.some((c) => c.kind === 'log')) expect.fail(`${folder.name}/${file}: ${other} was taken for ${line}`);
}

describe('the story', () => {
  it('agrees request by request', () => {
    const { checks } = checkFolder(STORY);
    expect(checks.filter((check) => check.differences.length > 0)).toEqual([]);
    expect(checks.filter((check) => check.kind === 'request')).toHaveLength(1621);
  });

  it('reports requests that were answered otherwise, and nothing else', () => {
    const lines = textOf(STORY, 'traffic.jsonl').split('\n');
    const other = lines.map((line, i) => (i % 100 === 7 ? swapOutcome(line) : line));
    const found = disagreements(altered(STORY, 'traffic.jsonl', other.join('\n')));
    expect(found.map((c) => c.kind)).toEqual(new Array(17).fill('request'));
    expect(found[0]?.about).toMatch(/^traffic\.jsonl:8 /);
  });

  it('reports a policy that was another at the time', () => {
    const history = textOf(STORY, 'policy-history.jsonl').replaceAll('.serviceaccount.identity.', '.serviceaccount.identify.');
    expect(disagreements(altered(STORY, 'policy-history.jsonl', history)).length).toBeGreaterThan(100);
  });

  it('reports counts that are not those of the notes', () => {
    const notes = JSON.parse(textOf(STORY, 'replay-notes.json'));
    notes.sets[1].verdicts.deny++;
    expect(disagreements(altered(STORY, 'replay-notes.json', JSON.stringify(notes))).map((c) => c.kind)).toEqual(['count']);
  });

  it('without its requests says so', () => {
    expect(checkFolder(altered(STORY, 'traffic.jsonl', null))).toMatchObject({
      checks: [],
      skipped: [expect.stringContaining('traffic.jsonl')],
    });
  });
});

function swapOutcome(line: string): string {
  const record = JSON.parse(line);
  if (record.status === null) record.result.received = '';
  else record.status = record.status === 403 ? 200 : 403;
  return JSON.stringify(record);
}

describe('what is not there', () => {
  const folder = SITUATIONS.find((f) => f.name === 'wrong-service-account') ?? expect.fail('no fixture');

  it.each(['diagnostics-policy.json', 'server-metrics-before.prom', 'server-metrics-after.prom', 'server-proxy.log'])(
    'is named and not compared: %s',
    (file) => {
      const { checks, skipped } = checkFolder(altered(folder, file, null));
      expect(checks.flatMap((c) => c.differences)).toEqual([]);
      expect(skipped.join('\n')).toContain(file);
    },
  );

  it('of truth.json leaves verdicts, policy and log', () => {
    const { checks, skipped } = checkFolder(altered(folder, 'truth.json', null));
    expect(new Set(checks.map((c) => c.kind))).toEqual(new Set(['verdict', 'policy', 'log']));
    expect(skipped).toEqual(['metrics: not compared, there is no metricDelta in truth.json']);
  });

  it('makes a policy file that replay.json names an error with its place', () => {
    expect(() => checkFolder(altered(folder, 'policy.yaml', null))).toThrow(
      expect.objectContaining({ place: { file: 'wrong-service-account/policy.yaml' } }),
    );
  });

  it('makes a folder without captures an error', () => {
    expect(() => foldersBelow(`${FIXTURES}../rust`)).toThrow('Nothing here can be replayed');
  });
});

describe('numbers beyond 2^53', () => {
  const folder =
    SITUATIONS.find((f) => f.read('diagnostics-policy.json')?.includes('18230571291595767808')) ?? expect.fail('no fixture with fd00::/8');

  it('are compared to the last digit', () => {
    const text = textOf(folder, 'diagnostics-policy.json').replace('18230571291595767808', '18230571291595767809');
    const [check] = disagreements(altered(folder, 'diagnostics-policy.json', text));
    expect(check?.differences).toEqual([expect.objectContaining({ expected: '18230571291595767809', got: '18230571291595767808' })]);
  });
});
