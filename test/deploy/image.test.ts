/** deploy/Dockerfile: what the image would hold is enough, for a user who may write nowhere but in its data. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { freePorts } from '../ports.ts';
import { until } from '../until.ts';
import { assembleImage, type Image, PROJECT } from './image.ts';

const isRoot = process.getuid?.() === 0;
const manifest = JSON.parse(readFileSync(join(PROJECT, 'package.json'), 'utf8'));

let image: Image;
beforeAll(() => {
  image = assembleImage();
}, 120_000);
afterAll(() => image?.remove());

interface Running {
  readonly child: ChildProcess;
  readonly output: () => string;
}

/** As root: with the image for a root directory. Otherwise as the user that runs this, from the image's files. */
function start(args: readonly string[], program: readonly string[] = image.entrypoint): Running {
  const [command = '', ...rest] = isRoot
    ? ['chroot', `--userspec=${image.user}`, image.root, ...program, ...args]
    : [...program.map((word) => (word.startsWith('/') ? join(image.root, word) : word)), ...args];
  const env = { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', ...image.environment };
  const child = spawn(command, rest, { cwd: join(image.root, image.workdir), env });
  let text = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => {
      text += chunk.toString();
    });
  }
  return { child, output: () => text };
}

/** What the program calls a file of the image. */
const inImage = (path: string) => (isRoot ? path : join(image.root, path));

async function outcome(args: readonly string[], program?: readonly string[]): Promise<{ readonly code: number; readonly text: string }> {
  const { child, output } = start(args, program);
  const [code] = await once(child, 'close');
  return { code, text: output() };
}

function filesOf(directory: string): readonly string[] {
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => relative(directory, join(parentPath, name)))
    .sort();
}

describe('the Dockerfile', () => {
  it('takes the Node of package.json, by tag and digest, and ends in an image without a shell', () => {
    const [window, build, final] = image.stages.map((stage) => stage.image);
    expect(window).toBe(build);
    expect(build).toMatch(new RegExp(`^node:${manifest.dependencies.node}-trixie-slim@sha256:[0-9a-f]{64}$`));
    expect(final).toBe('gcr.io/distroless/cc-debian13:nonroot');
  });

  it('runs as the user of the chart, with the flags of `npm run denywhy`', () => {
    const chart = readFileSync(join(PROJECT, 'deploy/chart/templates/deployment.yaml'), 'utf8');
    const [uid, gid] = image.user.split(':');
    expect(chart).toContain(`runAsUser: ${uid}\n`);
    expect(chart).toContain(`runAsGroup: ${gid}\n`);
    expect(manifest.scripts.denywhy).toBe(`node ${image.entrypoint.slice(1).join(' ').replace('/app/', '')}`);
  });

  it('leaves out tests, development tools and every other page, and holds all that the program reads', () => {
    const app = join(image.root, 'app');
    const parts = new Set(filesOf(app).map((file) => file.split('/')[0]));
    expect([...parts].sort()).toEqual(
      [
        'LICENSE',
        'bin',
        'build',
        'demo',
        'docs',
        'node_modules',
        'package-lock.json',
        'package.json',
        'rules',
        'src',
        'tsconfig.json',
      ].sort(),
    );
    for (const directory of ['bin', 'src', 'demo', 'rules', 'docs/diagnoses'])
      expect(filesOf(join(app, directory))).toEqual(filesOf(join(PROJECT, directory)));
    const packages = readdirSync(join(app, 'node_modules'));
    expect(packages.filter((name) => Object.hasOwn(manifest.devDependencies, name))).toEqual([]);
    expect(Object.keys(manifest.dependencies).filter((name) => !filesOf(join(app, 'node_modules', name)).includes('package.json'))).toEqual(
      [],
    );
  });
});

describe(`the image's files${isRoot ? '' : ' [without a root directory of their own: chroot is for root]'}`, () => {
  it('print the version', async () => {
    expect(await outcome(['--version'])).toEqual({ code: 0, text: expect.stringContaining(manifest.version) });
  });

  it.skipIf(!isRoot)('can be changed by nobody in there: only the data can', async () => {
    const script = `
      const { writeFileSync } = require('node:fs');
      for (const path of ['/x', '/app/x', '/app/src/main.ts', '/etc/x', '/usr/local/bin/node', '/var/lib/denywhy/x'])
        try { writeFileSync(path, ''); console.log(path, 'written'); } catch ({ code }) { console.log(path, code); }`;
    const { text } = await outcome(['-e', script], image.entrypoint.slice(0, 1));
    const lines = text.trim().split('\n');
    expect(lines.filter((line) => line.endsWith(' written'))).toEqual(['/var/lib/denywhy/x written']);
    expect(lines).toHaveLength(6);
  });

  it('play the recorded story', async () => {
    const { code, text } = await outcome(['demo', '--once']);
    expect([code, text]).toEqual([0, expect.stringContaining('lists ServiceAccount')]);
  }, 120_000);

  it('have the page of a diagnosis, and the alert rules', async () => {
    expect(await outcome(['explain', '--id', 'identity-not-listed'])).toMatchObject({ code: 0 });
    expect(await outcome(['rules'])).toMatchObject({ code: 0, text: expect.stringContaining('kind: PrometheusRule') });
  });

  it('serve, become ready, and end when they are told to', async () => {
    const data = join(image.root, image.workdir);
    const isFixed = (file: string) => !file.startsWith('var/lib/denywhy/');
    const before = filesOf(image.root).filter(isFixed);
    const times = before.map((file) => statSync(join(image.root, file)).mtimeMs);
    const [port] = await freePorts(1);
    const config = { listen: { address: `127.0.0.1:${port}` }, store: { directory: inImage(join(image.workdir, 'data')) } };
    writeFileSync(join(data, 'denywhy.yaml'), JSON.stringify(config));
    const { child, output } = start(['serve', '--config', inImage(join(image.workdir, 'denywhy.yaml'))]);
    try {
      const isReady = async () => (await fetch(`http://127.0.0.1:${port}/readyz`).catch(() => null))?.status === 200;
      await until('it is ready', 60_000, isReady, output);
    } finally {
      child.kill('SIGTERM');
    }
    expect((await once(child, 'close'))[0], output()).toBe(0);
    const after = filesOf(image.root).filter(isFixed);
    expect(after).toEqual(before);
    expect(after.map((file) => statSync(join(image.root, file)).mtimeMs)).toEqual(times);
    expect(readdirSync(join(data, 'data'))).not.toEqual([]);
  }, 90_000);
});
