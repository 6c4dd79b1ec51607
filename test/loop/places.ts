/**
 * Where the containers' addresses and paths lie on this machine. Nothing else of docker-compose.yml and of the files it mounts is changed, so what
 * is said here is the whole difference between `docker compose up` and `npm run loop`.
 */
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePorts } from '../ports.ts';
import type { Compose } from './compose.ts';

export const PROJECT = fileURLToPath(new URL('../..', import.meta.url));

/** The services that listen, and where they do in their containers. */
const LISTENING = { exporter: 4191, denywhy: 8417, redis: 6379, prometheus: 9090, alertmanager: 9093 } as const;
/** Directories of containers that files and data lie in. One tree holds them all: no two services use one path for different things. */
const DIRECTORIES = [
  '/etc/denywhy',
  '/etc/prometheus',
  '/etc/alertmanager',
  '/run/denywhy',
  '/var/lib/story',
  '/data',
  '/prometheus',
  '/alertmanager',
];
/** What is in the images. */
const PROGRAMS: Readonly<Record<string, readonly string[]>> = {
  denywhy: [process.execPath, join(PROJECT, 'bin', 'denywhy.js')],
  'prom/prometheus': ['prometheus'],
  'prom/alertmanager': ['prometheus-alertmanager'],
  // The command names the program.
  redis: [],
};

export type ListeningService = keyof typeof LISTENING;

export interface Places {
  readonly urls: Readonly<Record<ListeningService, string>>;
  /** The path on this machine of a path in a container. */
  path(inContainer: string): string;
  /** Text of a command or of a file, with the addresses and paths of this machine. */
  moved(text: string): string;
  /** The program and arguments of a service. */
  command(service: Pick<Compose['services'][string], 'image' | 'command'>): readonly string[];
}

export async function placesIn(directory: string): Promise<Places> {
  const services = Object.keys(LISTENING) as ListeningService[];
  const ports = await freePorts(services.length);
  const portOf = new Map(services.map((service, i) => [String(LISTENING[service]), ports[i] ?? 0]));
  const address = new RegExp(`\\b(?:0\\.0\\.0\\.0|127\\.0\\.0\\.1|${services.join('|')}):(${[...portOf.keys()].join('|')})\\b`, 'g');
  const directories = new RegExp(`(^|[\\s'"\\[=])(${DIRECTORIES.join('|')})(?![\\w-])`, 'gm');
  const moved = (text: string) =>
    text
      .replace(address, (_, port: string) => `127.0.0.1:${portOf.get(port)}`)
      .replace(directories, (_, before: string, path: string) => `${before}${join(directory, path)}`);
  const url = (service: ListeningService) => `http://127.0.0.1:${portOf.get(String(LISTENING[service]))}`;
  for (const path of DIRECTORIES) mkdirSync(join(directory, path), { recursive: true });
  return {
    urls: {
      exporter: url('exporter'),
      denywhy: url('denywhy'),
      redis: url('redis'),
      prometheus: url('prometheus'),
      alertmanager: url('alertmanager'),
    },
    path: (inContainer) => join(directory, inContainer),
    moved,
    command({ image, command }) {
      const program = PROGRAMS[image.split(':')[0] ?? ''];
      if (program === undefined) throw new Error(`nobody knows which program is in the image ${image}`);
      // Redis takes address and port apart.
      return [...program, ...command.map((word) => (word === '0.0.0.0' ? '127.0.0.1' : String(portOf.get(word) ?? moved(word))))];
    },
  };
}

/** Puts the files that the services mount where the containers would have them. */
export function mountFiles({ services }: Compose, places: Places): void {
  for (const { volumes } of Object.values(services))
    for (const { source, target, isNamed } of volumes) {
      if (isNamed) continue;
      const file = places.path(target);
      mkdirSync(dirname(file), { recursive: true });
      writeFileSync(file, places.moved(readFileSync(join(PROJECT, source), 'utf8')));
      chmodSync(file, 0o644);
    }
}
