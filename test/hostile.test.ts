/** Hostile text in every position of every input: nothing of it may reach the terminal as anything but text, and nothing may be a bug. */
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { dump, filesIn, run, situation } from './commands/explain-run.ts';

const fixture = (name: string) => readFileSync(new URL(`fixtures/${name}`, import.meta.url), 'utf8');
const { objects, log } = situation('wrong-service-account');
const OBJECTS: unknown = JSON.parse(dump(objects));
const LOGS = [
  log.join('\n'),
  fixture('log/wrong-service-account.json.log'),
  fixture('log/rate-limit.log'),
  fixture('log/spiffe-client-wildcard.log'),
];
const PAGE = fixture('metrics/proxy-2.161.5.prom');
const ANSWER: unknown = JSON.parse(fixture('metrics/query_deny.json'));
const WEBHOOK: unknown = JSON.parse(fixture('alertmanager/firing-one.json'));

const HOSTILE = [
  '\u001b[31mred\u001b[0m',
  '\u001b]0;title\u0007',
  '\u009b2J',
  '\u0000\b\u007f\u0085',
  '\u202efdp.exe\u2066',
  'zero\u200bwidth\ufeff\u00ad',
  'line\nfeed\r\nand\u2028separator\u2029',
  '\nWHY      forged',
  '\udc00lone',
  '\u{e0041}\u{e0001}tag',
  '"quote\\" } ) ] server.name=forged client.ip=10.0.0.1',
  '",client_id="forged"} 1\n',
  '[pod/a/linkerd-proxy] ',
  '__proto__',
  'constructor',
  '{{ .Values.x }}',
  '&a [*a]',
  '!!js/function x',
  '-1',
  '1e999',
  '../../etc/passwd',
  '%s%n$(id)`id`',
  'x'.repeat(5000),
  '𝕏'.repeat(300),
  '',
] as const;

const hostile = fc.oneof(fc.constantFrom(...HOSTILE), fc.string({ unit: 'binary', maxLength: 12 }));

/** Into running text, over what stands there. */
function planted(text: string, bad: string, at: number, replaced: number): string {
  const start = at % (text.length + 1);
  return text.slice(0, start) + bad + text.slice(start + replaced);
}

/** Where a value begins: what proxies and Prometheus print between marks. */
function inValue(text: string, bad: string, at: number): string {
  const values = [...text.matchAll(/(?<=[="( /])[\w.-]+/g)];
  const value = values[at % values.length];
  return value === undefined ? bad : text.slice(0, value.index) + bad + text.slice(value.index + value[0].length);
}

/** Over one leaf of a JSON value, or over one key. */
function inTree(tree: unknown, bad: unknown, at: number): unknown {
  const sites: (() => unknown)[] = [];
  const visit = (value: unknown, put: (next: unknown) => unknown): void => {
    sites.push(() => put(bad));
    if (Array.isArray(value)) for (const [i, item] of value.entries()) visit(item, (next) => put(value.with(i, next)));
    else if (typeof value === 'object' && value !== null) {
      const entries = Object.entries(value);
      for (const [i, [key, item]] of entries.entries()) {
        visit(item, (next) => put(Object.fromEntries(entries.with(i, [key, next]))));
        sites.push(() => put(Object.fromEntries(entries.with(i, [String(bad), item]))));
      }
    }
  };
  visit(tree, (next) => next);
  return sites[at % sites.length]?.();
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: colours are the only ones allowed
const COLOUR = /\u001b\[\d{1,2}m/g;
const NOT_TEXT = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/u;

async function expectInert(args: readonly string[], stdin: string, isTTY = false): Promise<void> {
  const { exitCode, stdout, stderr } = await run(args, { stdin, isTTY: { stdin: stdin === '', stdout: isTTY, stderr: isTTY } });
  for (const output of [stdout, stderr]) {
    const plain = (isTTY ? output.replace(COLOUR, '') : output).replaceAll('\n', '');
    expect(NOT_TEXT.exec(plain)?.[0], output.slice(0, 2000)).toBeUndefined();
    expect(output).not.toMatch(/\n\s+at \S+ \(|is a bug in denywhy|\bnode_modules\b/);
  }
  expect([0, 2]).toContain(exitCode);
  if (exitCode === 2) expect(stdout).toBe('');
}

const FORMS = fc.constantFrom('text', 'json', 'yaml');
const PLACE = fc.nat({ max: 1_000_000 });
const RUNS = { numRuns: 150 };
const WHOLE = filesIn({ 'dump.json': dump(objects) });
const CLUSTER = ['--cluster', WHOLE('dump.json')];
const SUBJECT = ['-n', 'shop', 'deploy/backend'];

describe('hostile text', () => {
  it('anywhere in a log', async () => {
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...LOGS), hostile, PLACE, fc.nat({ max: 30 }), FORMS, async (text, bad, at, replaced, form) => {
        await expectInert([...CLUSTER, '-o', form], planted(text, bad, at, replaced));
      }),
      RUNS,
    );
  }, 120_000);

  it('in a value of a log line', async () => {
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...LOGS), hostile, PLACE, FORMS, fc.boolean(), async (text, bad, at, form, isTTY) => {
        await expectInert([...CLUSTER, ...SUBJECT, '-o', form], inValue(text, bad, at), isTTY);
      }),
      RUNS,
    );
  }, 120_000);

  it('in a log without a cluster', async () => {
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...LOGS), hostile, PLACE, FORMS, async (text, bad, at, form) => {
        await expectInert(['-o', form], inValue(text, bad, at));
      }),
      RUNS,
    );
  }, 120_000);

  it('in a string, a number or a key of an object of the cluster, in JSON and in YAML', async () => {
    const value: fc.Arbitrary<unknown> = fc.oneof(
      { weight: 4, arbitrary: hostile },
      fc.constantFrom(null, -1, 1e9, 1e308, 0.5, true, [], {}, [[]], { '\u001b[31m': 1 }),
    );
    await fc.assert(
      fc.asyncProperty(value, PLACE, FORMS, async (bad, at, form) => {
        const file = filesIn({ 'dump.json': JSON.stringify(inTree(OBJECTS, bad, at)) });
        await expectInert(['--cluster', file('dump.json'), ...SUBJECT, '-o', form], LOGS[0] ?? '');
      }),
      RUNS,
    );
  }, 120_000);

  it('anywhere in the text of a manifest', async () => {
    const manifest = objects.map((object) => `---\n${JSON.stringify(object, null, 2)}\n`).join('');
    await fc.assert(
      fc.asyncProperty(hostile, PLACE, fc.nat({ max: 30 }), FORMS, async (bad, at, replaced, form) => {
        const file = filesIn({ 'dump.yaml': planted(manifest, bad, at, replaced) });
        await expectInert(['--cluster', file('dump.yaml'), ...SUBJECT, '-o', form], LOGS[0] ?? '');
      }),
      RUNS,
    );
  }, 120_000);

  it('in a page of metrics', async () => {
    await fc.assert(
      fc.asyncProperty(hostile, PLACE, fc.boolean(), FORMS, async (bad, at, isValue, form) => {
        const file = filesIn({ 'page.prom': isValue ? inValue(PAGE, bad, at) : planted(PAGE, bad, at, 3) });
        await expectInert([...CLUSTER, '--metrics', `shop/backend-1=${file('page.prom')}`, '-o', form], '');
      }),
      RUNS,
    );
  }, 120_000);

  it('in an answer of Prometheus, and in a body of Alertmanager', async () => {
    await fc.assert(
      fc.asyncProperty(hostile, PLACE, PLACE, FORMS, async (bad, at, other, form) => {
        const file = filesIn({
          'answer.json': JSON.stringify(inTree(ANSWER, bad, at)),
          'body.json': JSON.stringify(inTree(WEBHOOK, bad, other)),
        });
        await expectInert([...CLUSTER, '--metrics', file('answer.json'), '--alerts', file('body.json'), '-o', form], '');
      }),
      RUNS,
    );
  }, 120_000);

  it('in the name of a file', async () => {
    const name = hostile
      .map((text) => text.replace(/[/\0]/g, '_').slice(0, 40))
      .filter((text) => Buffer.from(text).toString() === text && !/^\.{0,2}$/.test(text));
    await fc.assert(
      fc.asyncProperty(name, fc.constantFrom('.log', '.yaml', '.json', '.prom', ''), FORMS, async (bad, ending, form) => {
        const file = filesIn({ [bad + ending]: LOGS[0] ?? '', [`x${bad}.json`]: dump(objects) })(bad + ending);
        const directory = file.slice(0, file.length - bad.length - ending.length - 1);
        await expectInert([...CLUSTER, ...SUBJECT, '--logs', file, '-o', form], '');
        await expectInert(['--cluster', directory, '--logs', file, '-o', form], '');
        await expectInert([...CLUSTER, '--metrics', file, '-o', form], '');
        await expectInert([...CLUSTER, '--alerts', file, '-o', form], '');
      }),
      { numRuns: 60 },
    );
  }, 120_000);

  it('in the command line', async () => {
    const OPTIONS = [
      '-n',
      '--cluster',
      '--logs',
      '--metrics',
      '--alerts',
      '--port',
      '--at',
      '-o',
      '--cluster-networks',
      '--trust-domain',
      '--default-inbound-policy',
      '--nonsense',
    ];
    await fc.assert(
      fc.asyncProperty(hostile, fc.constantFrom(...OPTIONS, null), async (bad, option) => {
        await expectInert(
          [...CLUSTER, ...(option === null ? [bad] : [`${option}${option.startsWith('--') ? '=' : ''}${bad}`])],
          LOGS[0] ?? '',
        );
      }),
      RUNS,
    );
  }, 120_000);
});
