/** Plants every kind of breach in every room, in a copy of the rules, and asserts that lint refuses it. */
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const ROOT = join(import.meta.dirname, '..');

interface Room {
  /** A folder of src, or a file of it. */
  readonly name: string;
  readonly isPure: boolean;
  /** As `policy/` (any file of that room), `errors.ts`, `node:` or a package. A room lists itself if its files may import each other. */
  readonly allows: readonly string[];
  /** How the room's own message begins. */
  readonly message: string;
}

const ROOMS: readonly Room[] = [
  { name: 'policy', isPure: true, allows: ['policy/', 're2js', 'yaml', 'zod'], message: 'policy/ imports only' },
  { name: 'access', isPure: true, allows: ['access/', 'policy/'], message: 'access/ imports only' },
  {
    name: 'posture',
    isPure: true,
    allows: ['posture/', 'policy/', 'access/', 'evidence/', 'manifests/'],
    message: 'posture/ imports only',
  },
  { name: 'evidence', isPure: true, allows: ['evidence/', 'policy/', 'errors.ts', 'zod'], message: 'evidence/ imports only' },
  { name: 'manifests', isPure: true, allows: ['manifests/', 'policy/', 'errors.ts', 'yaml', 'zod'], message: 'manifests/ imports only' },
  { name: 'diagnoses', isPure: true, allows: ['diagnoses/', 'policy/', 'evidence/'], message: 'diagnoses/ imports only' },
  {
    name: 'remedies',
    isPure: true,
    allows: ['remedies/', 'policy/', 'access/', 'evidence/', 'manifests/', 'diagnoses/'],
    message: 'remedies/ imports only',
  },
  {
    name: 'lint',
    isPure: true,
    allows: [
      ...['lint/', 'policy/', 'access/', 'manifests/', '../evidence/conventions.ts', '../diagnoses/near-name.ts'],
      ...['@prometheus-io/lezer-promql', 'yaml'],
    ],
    message: 'lint/ imports only',
  },
  {
    name: 'alerting',
    isPure: true,
    allows: [
      'alerting/',
      '../evidence/conventions.ts',
      '../evidence/key.ts',
      'manifests/',
      'errors.ts',
      '@prometheus-io/lezer-promql',
      'yaml',
      'zod',
    ],
    message: 'alerting/ imports only',
  },
  {
    name: 'drivers',
    isPure: false,
    allows: [
      'policy/',
      'evidence/',
      'manifests/',
      'errors.ts',
      'ports.ts',
      './sqlite.ts',
      './redis-faults.ts',
      './upstream-faults.ts',
      './kubernetes-faults.ts',
      '@kubernetes/client-node',
      'axios',
      'bullmq',
      'ioredis',
      'yaml',
      'node:',
    ],
    message: 'drivers/ imports only',
  },
  {
    name: 'commands',
    isPure: false,
    allows: [
      ...[
        'commands/',
        'policy/',
        'access/',
        'posture/',
        'evidence/',
        'manifests/',
        'diagnoses/',
        'remedies/',
        'lint/',
        'alerting/',
        'drivers/',
        'triage/',
        'http/',
      ],
      ...['config.ts', 'config-schema.ts', 'errors.ts', 'ports.ts', 'explain.ts', 'telemetry.ts', 'commander', 'node:'],
    ],
    message: 'commands/ imports only',
  },
  {
    name: 'triage',
    isPure: false,
    allows: ['triage/', 'policy/', 'evidence/', 'remedies/', 'errors.ts', 'explain.ts', 'ports.ts', 'zod'],
    message: 'triage/ imports only',
  },
  {
    name: 'http',
    isPure: false,
    allows: [
      ...['http/', 'policy/', 'evidence/', 'manifests/', 'alerting/', 'triage/'],
      ...['errors.ts', 'explain.ts', 'ports.ts', 'telemetry.ts', 'express', 'zod', 'node:'],
    ],
    message: 'http/ imports only',
  },
  {
    name: 'web',
    isPure: false,
    allows: ['web/', 'react', 'react-dom/client', '@mantine/core', '@mantine/core/styles/global.css', '@tanstack/react-query', 'uplot'],
    message: 'web/ imports only',
  },
  {
    name: 'config.ts',
    isPure: false,
    allows: ['config-schema.ts', 'errors.ts', 'yaml', 'zod', 'node:'],
    message: 'config.ts imports only',
  },
  { name: 'config-schema.ts', isPure: false, allows: ['config-values.ts', 'zod'], message: 'config-schema.ts imports only' },
  { name: 'config-values.ts', isPure: false, allows: ['zod'], message: 'config-values.ts imports only' },
  { name: 'telemetry.ts', isPure: false, allows: ['pino', 'prom-client', 'node:'], message: 'telemetry.ts imports only' },
  { name: 'errors.ts', isPure: true, allows: [], message: 'errors.ts imports nothing' },
  { name: 'ports.ts', isPure: true, allows: ['policy/', 'evidence/'], message: 'ports.ts imports only' },
  {
    name: 'explain.ts',
    isPure: true,
    allows: ['policy/', 'evidence/', 'manifests/', 'diagnoses/', 'remedies/'],
    message: 'explain.ts imports only',
  },
  { name: 'main.ts', isPure: false, allows: ['commands/', 'errors.ts', 'commander', 'node:'], message: 'main.ts imports only' },
];

const PACKAGES = [
  '@prometheus-io/lezer-promql',
  'fs',
  'axios',
  'bullmq',
  'commander',
  'ioredis',
  'pino',
  'prom-client',
  're2js',
  'yaml',
  'zod',
  'vitest',
  'react',
  'react-dom/client',
  'react-dom/server',
  '@mantine/core',
  '@tanstack/react-query',
  'vite',
  'express',
  'zod/v4/core',
  'commander/esm.mjs',
  'bullmq/dist/cjs/index.js',
];
const BUILTINS = ['node:crypto', 'node:fs', 'node:fs/promises', 'node:child_process', 'node:net', 'node:process', 'node:timers'];
const DETOURS = [
  '../../src/drivers/planted.ts',
  './../drivers/planted.ts',
  '../policy/../drivers/planted.ts',
  './sub/planted.ts',
  '../policy/sub/planted.ts',
  './commands/../drivers/planted.ts',
  './policy/../drivers/planted.ts',
  '../../../src/drivers/planted.ts',
  '../../test/run.ts',
  '/src/drivers/planted.ts',
  'file:///src/drivers/planted.ts',
  'data:text/javascript,export default 1',
  '#drivers/planted',
];

/** Every way to name another module that a linter could miss. */
const FORMS: readonly ((specifier: string) => string)[] = [
  (specifier) => `import { a } from '${specifier}';`,
  (specifier) => `import a from '${specifier}';`,
  (specifier) => `import * as a from '${specifier}';`,
  (specifier) => `import '${specifier}';`,
  (specifier) => `import type { A } from '${specifier}';`,
  (specifier) => `import { type A } from '${specifier}';`,
  (specifier) => `export { a } from '${specifier}';`,
  (specifier) => `export * from '${specifier}';`,
  (specifier) => `export type { A } from '${specifier}';`,
  (specifier) => `import a = require('${specifier}');`,
  (specifier) => `await import('${specifier}');`,
];

/** Statements that no room may hold, with a word of the message that refuses them. */
const NOWHERE: readonly (readonly [statement: string, message: string])[] = [
  ["type T = import('../drivers/planted.ts').T;", 'import types by'],
  ['await import(name);', 'as a literal'],
  ['await import(`./planted.ts`);', 'as a literal'],
  ["await import('./' + name);", 'as a literal'],
  ["require('./planted.ts');", 'ESM imports'],
  ["console.log('x');", 'console'],
];

/** Statements that no pure room may hold. */
const IMPURE: readonly (readonly [statement: string, message: string])[] = [
  ["await import('./planted.ts');", 'imports statically'],
  ["type T = import('./planted.ts').T;", 'import types by'],
  ['import.meta.url;', 'where it lies'],
  ["require('node:fs');", 'require'],
  ["module.require('node:fs');", 'module'],
  ['process.env;', 'process'],
  ['process.exit(1);', 'process'],
  ["globalThis['process'];", 'globalThis'],
  ["global['process'];", 'global'],
  ['Date.now();', 'no clock'],
  ['new Date();', 'no clock'],
  ['new Date(0);', 'no clock'],
  ["Date.parse('2026-01-01');", 'Date'],
  ['const day: Date = planted;', 'Date'],
  ['Temporal.Now.instant();', 'Temporal'],
  ['new Intl.DateTimeFormat().format();', 'Intl'],
  ['navigator.hardwareConcurrency;', 'navigator'],
  ['performance.now();', 'performance'],
  ['Math.random();', 'no randomness'],
  ['[1].map(Math.random);', 'no randomness'],
  ['crypto.randomUUID();', 'crypto'],
  ["fetch('http://localhost');", 'fetch'],
  ["new WebSocket('ws://localhost');", 'WebSocket'],
  ['setTimeout(f, 1);', 'setTimeout'],
  ['setInterval(f, 1);', 'setInterval'],
  ['setImmediate(f);', 'setImmediate'],
  ['queueMicrotask(f);', 'queueMicrotask'],
  ["eval('1');", 'eval'],
  ["new Function('return process')();", 'Function'],
];

/** What a line is expected to be answered with: a part of a message, or null for silence. */
interface Planted {
  readonly line: string;
  readonly expected: string | null;
}

interface Finding {
  readonly path: string;
  readonly line: number;
  readonly rule: string;
  readonly message: string;
}

const CYCLES = 'lint/suspicious/noImportCycles';

/** The rules that walls are made of; the planted lines break others too. */
const WALLS = new Set([
  'plugin',
  'lint/style/noRestrictedImports',
  'lint/style/noRestrictedGlobals',
  'lint/style/noCommonJs',
  'lint/correctness/noNodejsModules',
  'lint/correctness/noProcessGlobal',
  'lint/suspicious/noConsole',
  CYCLES,
  'lint/security/noGlobalEval',
]);

/** Rooms that may hash. */
const HASHING = ['evidence', 'triage'];

const isFile = (room: Room): boolean => room.name.endsWith('.ts');
const fileOf = (room: Room): string => (isFile(room) ? `src/${room.name}` : `src/${room.name}/planted.ts`);

/** How `room` spells an import of `target` (`policy/`, `errors.ts`, `node:`, a package). */
function specifiersOf(room: Room, target: string): readonly string[] {
  // What they may take of node:crypto has a test of its own.
  if (target === 'node:') return BUILTINS.filter((builtin) => !(HASHING.includes(room.name) && builtin === 'node:crypto'));
  if (!(target.endsWith('/') || ROOMS.some(({ name }) => name === target))) return [target];
  const path = target.endsWith('/') ? `${target}other.ts` : target;
  if (isFile(room)) return [`./${path}`];
  return [target === `${room.name}/` ? './other.ts' : `../${path}`];
}

function plantedIn(room: Room): readonly Planted[] {
  const targets = [...ROOMS.map((other) => (isFile(other) ? other.name : `${other.name}/`)), 'node:', ...PACKAGES].filter(
    (target) => target !== room.name,
  );
  const forbidden = [
    ...targets.filter((target) => !room.allows.includes(target)).flatMap((target) => specifiersOf(room, target)),
    ...DETOURS,
  ];
  const allowed = room.allows.flatMap((target) => specifiersOf(room, target));
  return [
    ...forbidden.flatMap((specifier) => FORMS.map((form) => ({ line: form(specifier), expected: room.message }))),
    ...NOWHERE.map(([line, expected]) => ({ line, expected })),
    ...(room.isPure ? IMPURE.map(([line, expected]) => ({ line, expected })) : []),
    ...allowed.flatMap((specifier) => [
      { line: `import { a } from '${specifier}';`, expected: null },
      { line: `import type { A } from '${specifier}';`, expected: null },
    ]),
    ...(room.isPure ? [] : [{ line: "new Date(Date.now()); setTimeout(f, 1); process.env['A'];", expected: null }]),
  ];
}

let scratch = '';
let findings: readonly Finding[] = [];

function plant(path: string, lines: readonly string[]): void {
  const file = join(scratch, path);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, `${lines.join('\n')}\n`);
}

function lint(): readonly Finding[] {
  const { stdout } = spawnSync(join(ROOT, 'node_modules/.bin/biome'), ['lint', '--reporter=json', '--max-diagnostics=none', '.'], {
    cwd: scratch,
    encoding: 'utf8',
    maxBuffer: 256 * 1024 * 1024,
  });
  const report: { diagnostics: { category: string; message: string; location: { path: string; start: { line: number } } }[] } =
    JSON.parse(stdout);
  return report.diagnostics
    .filter(({ category }) => WALLS.has(category))
    .map(({ category, message, location }) => ({ path: location.path, line: location.start.line, rule: category, message }))
    .sort((a, b) => a.line - b.line);
}

/** Lines that were not answered as expected. */
function surprises(path: string, planted: readonly Planted[]): readonly string[] {
  return planted.flatMap(({ line, expected }, index) => {
    const answers = findings
      .filter((finding) => finding.path === path && finding.line === index + 1 && finding.rule !== CYCLES)
      .map(({ message }) => message);
    if (expected === null) return answers.length === 0 ? [] : [`refused: ${line} (${answers.join('; ')})`];
    return answers.some((message) => message.includes(expected)) ? [] : [`not refused by "${expected}": ${line} (${answers.join('; ')})`];
  });
}

beforeAll(() => {
  scratch = mkdtempSync(join(tmpdir(), 'denywhy-walls-'));
  for (const path of ['biome.json', '.gitignore', 'test/walls']) cpSync(join(ROOT, path), join(scratch, path), { recursive: true });
  for (const room of ROOMS) {
    plant(
      fileOf(room),
      plantedIn(room).map(({ line }) => line),
    );
    if (isFile(room)) continue;
    plant(`src/${room.name}/cycle-a.ts`, ["import { b } from './cycle-b.ts';", 'export const a = b;']);
    plant(`src/${room.name}/cycle-b.ts`, ["import { a } from './cycle-a.ts';", 'export const b = a;']);
    plant(`src/${room.name}/type-cycle-a.ts`, ["import type { B } from './type-cycle-b.ts';", 'export type A = B | null;']);
    plant(`src/${room.name}/type-cycle-b.ts`, ["import type { A } from './type-cycle-a.ts';", 'export type B = A | null;']);
  }
  for (const room of HASHING) {
    plant(`src/${room}/hashing.ts`, [
      "import { createHash } from 'node:crypto';",
      "import { createHash, randomUUID } from 'node:crypto';",
      "import * as crypto from 'node:crypto';",
      "import * as cryptoPromises from 'node:crypto/promises';",
    ]);
  }
  plant('src/annex/planted.ts', ["import { a } from './other.ts';", "import { readFile } from 'node:fs/promises';"]);
  findings = lint();
});

afterAll(() => rmSync(scratch, { recursive: true }));

describe.each(ROOMS)('$name', (room) => {
  it('refuses every breach planted in it, and nothing that it allows', () => {
    expect(surprises(fileOf(room), plantedIn(room))).toEqual([]);
  });
});

describe.each(ROOMS.filter((room) => !isFile(room)))('$name/', ({ name }) => {
  it.each(['cycle-a.ts', 'cycle-b.ts', 'type-cycle-a.ts', 'type-cycle-b.ts'])('refuses the import cycle in %s', (file) => {
    const rules = findings.filter(({ path }) => path === `src/${name}/${file}`).map(({ rule }) => rule);
    expect(rules).toContain(CYCLES);
  });
});

it.each(HASHING)('%s/ takes of node:crypto only createHash', (room) => {
  expect(findings.filter(({ path }) => path === `src/${room}/hashing.ts`).map(({ line }) => line)).toEqual([2, 3, 4]);
});

it.each(ROOMS.filter(({ name, isPure }) => isPure && name !== 'evidence'))("$name may not even name a module of Node's", (room) => {
  const lines = plantedIn(room).map(({ line }) => line);
  const refused = findings
    .filter(({ path, rule }) => path === fileOf(room) && rule === 'lint/correctness/noNodejsModules')
    .map(({ line }) => lines[line - 1]);
  expect(refused).toEqual(expect.arrayContaining(BUILTINS.map((builtin) => `import { a } from '${builtin}';`)));
});

it('a room without a wall of its own may import nothing', () => {
  const messages = findings.filter(({ path }) => path === 'src/annex/planted.ts').map(({ message }) => message);
  expect(messages).toEqual([expect.stringContaining('has no wall'), expect.stringContaining('has no wall')]);
});

it('every room that exists is in this test', () => {
  expect(ROOMS.map(({ name }) => name)).toEqual(expect.arrayContaining(readdirSync(join(ROOT, 'src'))));
});
