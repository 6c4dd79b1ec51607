import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeEach, describe, expect, test } from 'vitest';
import { createManifestsCluster } from '../../src/drivers/cluster-manifests.ts';
import { createInputs } from '../../src/drivers/inputs.ts';
import { InvalidInput } from '../../src/errors.ts';
import { stateAt } from '../../src/manifests/history.ts';

const FIXTURE = new URL('../fixtures/manifests/removed-by-edit', import.meta.url);
const root = mkdtempSync(join(tmpdir(), 'denywhy-cluster-'));
let directory = root;
let count = 0;
beforeEach(() => {
  directory = join(root, String(count++));
  mkdirSync(directory);
});
afterAll(() => rmSync(root, { recursive: true }));

const pod = (name: string) => `apiVersion: v1\nkind: Pod\nmetadata: {name: ${name}, namespace: shop}\n`;

function put(files: Record<string, string | Uint8Array>): void {
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(directory, name)), { recursive: true });
    writeFileSync(join(directory, name), content);
  }
}

async function read(paths: readonly string[], stdin = '') {
  const cluster = createManifestsCluster({ paths, inputs: createInputs({ stdin: Readable.from([stdin]) }), defaultNamespace: 'default' });
  const record = await cluster.read();
  const short = (text: string) => text.replaceAll(`${directory}/`, '').replaceAll(directory, '.');
  return {
    ...record,
    names: stateAt(record.changes, null).map(({ metadata }) => metadata.name),
    said: record.notices.map(({ where, message }) => short(`${where}: ${message}`)),
  };
}

async function faultOf(paths: readonly string[]) {
  const error = await read(paths).then(
    () => new Error('was read without a complaint'),
    (reason: unknown) => reason,
  );
  if (!(error instanceof InvalidInput)) throw error;
  return { message: error.message, file: error.place?.file };
}

describe('a cluster in files', () => {
  test('is any mixture of files, directories and stdin, in their order', async () => {
    put({
      'b.yaml': pod('b'),
      'dir/c.json': JSON.stringify({ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'c', namespace: 'shop' } }),
      'dir/deep/d.yml.gz': gzipSync(pod('d')),
    });
    const { names, said, files, isHistory } = await read(['-', join(directory, 'b.yaml'), join(directory, 'dir')], pod('a'));
    expect([names, said, isHistory]).toEqual([['a', 'b', 'c', 'd'], [], false]);
    expect([...files.keys()].map((name) => name.replace(`${directory}/`, ''))).toEqual([
      'stdin',
      'b.yaml',
      'dir/c.json',
      'dir/deep/d.yml.gz',
    ]);
    expect(files.get(join(directory, 'dir/deep/d.yml.gz'))).toBe(pod('d'));
  });

  test('leaves out hidden entries and node_modules, and follows links without going in circles', async () => {
    put({ 'a.yaml': pod('a'), '.git/x.yaml': 'a: [', 'node_modules/x.yaml': 'a: [', '..data/x.yaml': pod('x'), 'linked/b.yaml': pod('b') });
    symlinkSync('.', join(directory, 'itself'));
    symlinkSync('linked', join(directory, 'again'));
    symlinkSync('nowhere', join(directory, 'broken.yaml'));
    const { names, said } = await read([directory]);
    expect(names).toEqual(['a', 'b']);
    expect(said).toEqual(['.: Passed over, since they hold no manifests: broken.yaml.']);
  });

  test('that lies in a mounted ConfigMap is read once', async () => {
    put({ '..2026_11_23/a.yaml': pod('a') });
    symlinkSync('..2026_11_23', join(directory, '..data'));
    symlinkSync('..data/a.yaml', join(directory, 'a.yaml'));
    expect(await read([directory])).toMatchObject({ names: ['a'], said: [] });
  });

  test('takes from a directory of captures what is a manifest, and tells the rest', async () => {
    cpSync(FIXTURE, directory, { recursive: true });
    const { said, isHistory, changes } = await read([directory]);
    expect(isHistory).toBe(true);
    expect(changes).toHaveLength(5);
    expect(said).toEqual([
      '.: Passed over, since they hold no manifests: policy-controller.log, replay.json, traffic.jsonl.',
      'fix.yaml: AuthorizationPolicy shop/backend-frontend is in the recorded history too, which counts. (and 6 more like it)',
      ': Nothing here reads these kinds: 3 Event (audit.k8s.io/v1).',
    ]);
  });

  test('where several snapshots lie side by side, says which one counts', async () => {
    for (const name of ['policy.yaml', 'policy-after-fix.yaml'])
      writeFileSync(join(directory, name), readFileSync(new URL(`${FIXTURE}/${name}`)));
    expect((await read([directory])).said).toEqual([
      'policy.yaml:1:1: Server shop/backend-http stands here and in policy-after-fix.yaml:1:1, the same. (and 2 more like it)',
    ]);
  });
});

describe('what is no cluster', () => {
  test('a directory of other files', async () => {
    put({ 'README.md': '# x', 'values.yaml': 'a: 1', 'proxy.log': 'x' });
    expect(await faultOf([directory])).toEqual({
      message: 'None of the 3 files in this directory holds Kubernetes objects.',
      file: directory,
    });
  });

  test('an empty directory', async () => {
    expect(await faultOf([directory])).toEqual({ message: 'There are no files in this directory.', file: directory });
  });

  test('a named file without manifests', async () => {
    put({ 'values.yaml': 'a: 1' });
    const file = join(directory, 'values.yaml');
    expect(await faultOf([file])).toEqual({ message: 'This is no Kubernetes object: it has no apiVersion and kind.', file });
  });

  test('a name that leads nowhere', async () => {
    const file = join(directory, 'nope');
    expect(await faultOf([file])).toEqual({ message: 'There is no such file.', file });
  });

  test('a broken manifest among good ones: it is not left out in silence', async () => {
    put({ 'a.yaml': pod('a'), 'b.yaml': pod('b').replace('namespace: shop}', 'namespace: shop') });
    expect(await faultOf([directory])).toMatchObject({ file: join(directory, 'b.yaml') });
  });

  test('the templates of a chart', async () => {
    put({ 'templates/server.yaml': pod('{{ .Values.name }}') });
    expect(await faultOf([directory])).toEqual({
      message: 'This is a template, not a manifest.',
      file: join(directory, 'templates/server.yaml'),
    });
  });
});
