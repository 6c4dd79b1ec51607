/** A folder with the files that the image of deploy/Dockerfile would hold, without an engine that builds it. */
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  cpSync,
  existsSync,
  globSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, delimiter, dirname, join } from 'node:path';
import { type Instruction, keptBy, lastOf, type Stage, stagesOf } from './dockerfile.ts';

export const PROJECT = join(import.meta.dirname, '../..');

export interface Image {
  readonly root: string;
  readonly stages: readonly Stage[];
  readonly entrypoint: readonly string[];
  readonly user: string;
  readonly workdir: string;
  readonly environment: Readonly<Record<string, string>>;
  remove(): void;
}

interface Build {
  readonly root: string;
  workdir: string;
}

/** Throws at what it does not know how to build. */
export function assembleImage(): Image {
  const stages = stagesOf(readFileSync(join(PROJECT, 'deploy/Dockerfile'), 'utf8'));
  const directory = mkdtempSync(join(tmpdir(), 'denywhy-image-'));
  // mkdtemp leaves it to its maker alone.
  chmodSync(directory, 0o755);
  const context = join(directory, 'context');
  for (const path of keptBy(readFileSync(join(PROJECT, '.dockerignore'), 'utf8')))
    cpSync(join(PROJECT, path), join(context, path), { recursive: true });

  const built = new Map<string, string>();
  let root = '';
  for (const [i, stage] of stages.entries()) {
    root = join(directory, `stage-${i}`);
    layBase(stage, root);
    const build = { root, workdir: '/' };
    for (const instruction of stage.instructions) carryOut(instruction, build, context, built);
    if (stage.name !== null) built.set(stage.name, root);
  }
  const last = stages.at(-1);
  if (last === undefined) throw new Error('deploy/Dockerfile is empty');
  const environment = last.instructions.filter(({ name }) => name === 'ENV').map(({ words }) => words.join(' ').split('=', 2));
  return {
    root,
    stages,
    entrypoint: lastOf(last, 'ENTRYPOINT'),
    user: lastOf(last, 'USER').join(' '),
    workdir: lastOf(last, 'WORKDIR').join(' '),
    environment: Object.fromEntries(environment),
    remove: () => rmSync(directory, { recursive: true, force: true }),
  };
}

/** What this machine has of a base image: the first has Node with all that it links, the second what every C++ program links. */
function layBase({ image }: Stage, root: string): void {
  mkdirSync(join(root, 'tmp'), { recursive: true });
  chmodSync(join(root, 'tmp'), 0o1777);
  const { stdout } = spawnSync('ldd', [process.execPath], { encoding: 'utf8' });
  const libraries = [...stdout.matchAll(/(\/\S+) \(0x/g)].map(([, path = '']) => path);
  if (libraries.length === 0) throw new Error(`ldd ${process.execPath}: ${stdout}`);
  const isNode = image.startsWith('node:');
  for (const path of libraries)
    if (isNode || !path.includes('libatomic')) cpSync(path, join(root, path), { recursive: true, dereference: true });
  if (!isNode) return;
  for (const path of libraries.filter((one) => one.includes('libatomic')))
    cpSync(path, join(root, '/usr/lib', basename(dirname(path)), basename(path)), { recursive: true, dereference: true });
  cpSync(process.execPath, join(root, '/usr/local/bin/node'), { recursive: true });
  mkdirSync(join(root, '/var/lib'), { recursive: true });
}

function carryOut({ name, flags, words }: Instruction, build: Build, context: string, built: ReadonlyMap<string, string>): void {
  if (name === 'WORKDIR') {
    build.workdir = words.join(' ');
    mkdirSync(join(build.root, build.workdir), { recursive: true });
  } else if (name === 'COPY') copy(flags, words, build, flags.has('from') ? built.get(flags.get('from') ?? '') : context);
  else if (name === 'RUN') run(words, build);
  else if (!['ENV', 'USER', 'EXPOSE', 'ENTRYPOINT'].includes(name)) throw new Error(`not known how to ${name}`);
}

function copy(flags: Instruction['flags'], words: readonly string[], { root, workdir }: Build, source: string | undefined): void {
  const to = words.at(-1) ?? '';
  if (source === undefined) throw new Error(`COPY from a stage that is none: ${flags.get('from')}`);
  const target = join(root, to.startsWith('/') ? to : join(workdir, to));
  const found = words.slice(0, -1).flatMap((pattern) => {
    const paths = pattern.includes('*') ? globSync(join(source, pattern)) : [join(source, pattern)].filter((path) => existsSync(path));
    if (paths.length === 0) throw new Error(`COPY finds no ${pattern}`);
    return paths;
  });
  for (const path of found) {
    // Of a directory its content is copied.
    const isDirectory = statSync(path).isDirectory();
    const into = to.endsWith('/') && !isDirectory ? join(target, basename(path)) : target;
    mkdirSync(isDirectory ? into : dirname(into), { recursive: true });
    const { status, stderr } = spawnSync('cp', ['-a', '--link', '-T', isDirectory ? `${path}/.` : path, into], { encoding: 'utf8' });
    if (status !== 0) throw new Error(stderr);
  }
  const [uid = '', gid = ''] = flags.get('chown')?.split(':') ?? [];
  if (uid !== '' && process.getuid?.() === 0) chownSync(target, Number(uid), Number(gid));
}

function run(words: readonly string[], { root, workdir }: Build): void {
  const [program, ...args] = words;
  if (program === 'mkdir' && args.length === 1) mkdirSync(join(root, args[0] ?? ''));
  else if (program === 'npm' && args[0] === 'ci' && args.includes('--omit=dev') && args.includes('--ignore-scripts'))
    installProduction(join(root, workdir));
  else if (program === 'npm' && args[0] === 'ci' && args.includes('--ignore-scripts'))
    symlinkSync(join(PROJECT, 'node_modules'), join(root, workdir, 'node_modules'));
  else if (words.join(' ') === 'npm run build') build(join(root, workdir));
  else throw new Error(`not known how to RUN ${words.join(' ')}`);
}

function build(directory: string): void {
  const { scripts }: { scripts: { build: string } } = JSON.parse(readFileSync(join(directory, 'package.json'), 'utf8'));
  const [binary = '', ...args] = scripts.build.split(' ');
  const { status, stderr } = spawnSync(join(PROJECT, 'node_modules/.bin', binary), args, {
    cwd: directory,
    encoding: 'utf8',
    env: { ...process.env, NODE_ENV: 'production', PATH: `${dirname(process.execPath)}${delimiter}${process.env['PATH'] ?? ''}` },
  });
  if (status !== 0) throw new Error(stderr);
}

interface Lockfile {
  readonly packages: Readonly<Record<string, { readonly dev?: boolean; readonly optional?: boolean }>>;
}

/** What `npm ci --omit=dev --ignore-scripts` would install, from what is installed here. */
function installProduction(directory: string): void {
  const { packages }: Lockfile = JSON.parse(readFileSync(join(directory, 'package-lock.json'), 'utf8'));
  for (const [path, { dev, optional }] of Object.entries(packages)) {
    if (path === '' || dev === true) continue;
    const source = join(PROJECT, path);
    if (existsSync(source)) cpSync(source, join(directory, path), { recursive: true, filter: (from) => isOfPackage(source, from) });
    // Optional ones are for other machines.
    else if (optional !== true) throw new Error(`${path} is not installed: npm ci`);
  }
}

/** Without packages inside of it, which the lockfile names, and without what the script of the package `node` fetched. */
function isOfPackage(directory: string, from: string): boolean {
  return !from.slice(directory.length).includes('/node_modules') && from !== join(PROJECT, 'node_modules/node/bin');
}
