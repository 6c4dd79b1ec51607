/** docker-compose.yml and what it mounts: read by its own schema, by Prometheus', by Alertmanager's, and by denywhy's. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { loadConfig } from '../../src/config.ts';
import { alertmanagerSkip } from '../alertmanager.ts';
import { prometheusSkip, promtool } from '../prometheus.ts';
import { type Compose, inOrder, readCompose } from './compose.ts';
import { mountFiles, type Places, PROJECT, placesIn } from './places.ts';

const FILE = join(PROJECT, 'docker-compose.yml');
const named = (what: string, skip: string | null) => `${what}${skip === null ? '' : ` [${skip}]`}`;

let directory: string;
let compose: Compose;
let places: Places;
beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'denywhy-compose-'));
  compose = readCompose(FILE);
  places = await placesIn(directory);
  mountFiles(compose, places);
  const [program = '', ...args] = places.command(compose.services['tokens'] ?? { image: '', command: [] });
  expect(spawnSync(program, args, { encoding: 'utf8' })).toMatchObject({ status: 0, stdout: '', stderr: '' });
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

describe('docker-compose.yml', () => {
  it('mounts files and volumes that there are, each volume where its programs look for it', () => {
    for (const [name, { volumes }] of Object.entries(compose.services))
      for (const { source, target, isNamed } of volumes) {
        expect(isNamed ? Object.hasOwn(compose.volumes, source) : existsSync(join(PROJECT, source)), `${name}: ${source}`).toBe(true);
        expect(places.path(target).startsWith(directory)).toBe(true);
      }
    const used = Object.values(compose.services).flatMap(({ volumes }) => volumes.map(({ source }) => source));
    expect(Object.keys(compose.volumes).filter((volume) => !used.includes(volume))).toEqual([]);
  });

  it('starts each service after those that it waits for', () => {
    const names = inOrder(compose).map(([name]) => name);
    expect(names.toSorted()).toEqual(Object.keys(compose.services).toSorted());
    for (const [name, { depends_on: waits }] of Object.entries(compose.services))
      for (const before of Object.keys(waits)) expect(names.indexOf(before)).toBeLessThan(names.indexOf(name));
  });

  it('builds denywhy from this directory, and takes everything else in a fixed version', () => {
    for (const { image, build } of Object.values(compose.services)) {
      if (image === 'denywhy') expect(build).toEqual({ context: '.', dockerfile: 'deploy/Dockerfile' });
      else expect([image, build]).toEqual([expect.stringMatching(/:v?\d+\.\d+/), undefined]);
    }
  });

  it('writes to volumes only where somebody must: the tokens are read-only for all but their maker', () => {
    const writers = (volume: string) =>
      Object.entries(compose.services).flatMap(([name, { volumes }]) =>
        volumes.some(({ source, isReadOnly }) => source === volume && !isReadOnly) ? [name] : [],
      );
    expect([writers('tokens'), writers('story')]).toEqual([['tokens'], ['tokens', 'exporter']]);
  });

  it.each<[string, (whole: Record<string, Record<string, Record<string, unknown>>>) => void]>([
    ['a key that is misspelt', ({ services }) => Object.assign(services?.['redis'] ?? {}, { volums: [] })],
    ['a port for everybody', ({ services }) => Object.assign(services?.['denywhy'] ?? {}, { ports: ['8417:8417'] })],
    [
      'a condition that is none',
      ({ services }) => Object.assign(services?.['denywhy'] ?? {}, { depends_on: { redis: { condition: 'up' } } }),
    ],
    ['a command that is text', ({ services }) => Object.assign(services?.['denywhy'] ?? {}, { command: 'serve' })],
    ['a mount that leads nowhere', ({ services }) => Object.assign(services?.['denywhy'] ?? {}, { volumes: ['tokens'] })],
  ])('would be refused with %s', (_, spoil) => {
    const whole = {
      name: 'x',
      services: { redis: { image: 'redis:7.0', command: ['redis-server'] }, denywhy: { image: 'denywhy', command: ['serve'] } },
      volumes: {},
    };
    const file = join(directory, 'spoilt.yml');
    writeFileSync(file, stringify(whole));
    expect(() => readCompose(file)).not.toThrow();
    spoil(whole as never);
    writeFileSync(file, stringify(whole));
    expect(() => readCompose(file)).toThrow();
  });
});

describe('what is mounted', () => {
  it('names no address or path of a container once it is moved to this machine', () => {
    for (const { volumes } of Object.values(compose.services))
      for (const { target, isNamed } of volumes) {
        if (isNamed) continue;
        const text = readFileSync(places.path(target), 'utf8').replace(/#.*$/gm, '');
        expect(text, target).not.toMatch(/(?:exporter|redis|prometheus|alertmanager|0\.0\.0\.0):\d+/);
        expect(text.match(/(?<=[\s'"[])\/(?:run|var|etc|data)\S*/g)?.filter((path) => !path.startsWith(directory)) ?? [], target).toEqual(
          [],
        );
      }
  });

  it('gives denywhy a configuration in which Redis, policy, Prometheus, Alertmanager and tokens are where the others are', () => {
    const { config } = loadConfig({}, places.path('/etc/denywhy/denywhy.yaml'));
    expect(config).toMatchObject({
      store: { driver: 'redis' },
      cluster: { name: 'demo', manifests: [places.path('/var/lib/story')] },
      prometheus: { url: places.urls.prometheus },
      alertmanager: { urls: [places.urls.alertmanager] },
    });
    expect(config.publish.queues).not.toEqual([]);
    expect(config.redis.url).toBe(places.urls.redis.replace('http:', 'redis:'));
    expect(config.auth.tokens.map(({ name, scopes }) => [name, scopes])).toEqual([
      ['loop', ['intake']],
      ['people', ['read', 'triage']],
    ]);
  });

  it('gives the exporter and Alertmanager a token that denywhy knows for intake, and Prometheus one for reading; they stay when made again', () => {
    const { config } = loadConfig({}, places.path('/etc/denywhy/denywhy.yaml'));
    const read = (file: string) => readFileSync(places.path(file), 'utf8').trim();
    expect(config.auth.tokens.map(({ token }) => token)).toEqual([read('/run/denywhy/intake-token'), read('/run/denywhy/read-token')]);
    expect(read('/run/denywhy/intake-token')).toMatch(/^[0-9a-f]{64}$/);
    expect(read('/run/denywhy/intake-token')).not.toBe(read('/run/denywhy/read-token'));
    expect(statSync(places.path('/run/denywhy/tokens')).mode & 0o777).toBe(0o444);
    const before = read('/run/denywhy/tokens');
    const [program = '', ...args] = places.command(compose.services['tokens'] ?? { image: '', command: [] });
    expect(spawnSync(program, args).status).toBe(0);
    expect(read('/run/denywhy/tokens')).toBe(before);
  });

  it.skipIf(prometheusSkip !== null)(named('is what Prometheus takes, rules and tokens with it', prometheusSkip), () => {
    const { status, output } = promtool(directory, 'check', 'config', places.path('/etc/prometheus/prometheus.yml'));
    expect(status, output).toBe(0);
    expect(output).toMatch(/SUCCESS: \d{2,} rules found/);
  });

  it.skipIf(alertmanagerSkip !== null)(named('is what Alertmanager takes', alertmanagerSkip), () => {
    const { status, stdout, stderr } = spawnSync('amtool', ['check-config', places.path('/etc/alertmanager/alertmanager.yml')], {
      encoding: 'utf8',
    });
    expect(status, stderr).toBe(0);
    expect(stdout).toContain('SUCCESS');
    expect(stdout).toContain('1 receivers');
  });
});
