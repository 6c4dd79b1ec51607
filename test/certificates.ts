/** Certificates of a test's own, made by openssl. */
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Paths of PEM files. */
export interface Certificate {
  readonly cert: string;
  readonly key: string;
}

/** Why tests with certificates are skipped; null: they run. Under CI a missing program is a failure. */
export const certificatesSkip: string | null = openssl(['version']).status === 0 ? null : missing();

function missing(): string {
  const why = 'openssl is not on PATH (Debian: openssl)';
  if (process.env['CI'] === 'true') throw new Error(why);
  return why;
}

/** Who signs the others. */
export function createAuthority(directory: string, name: string): Certificate {
  const made = { cert: join(directory, `${name}.crt`), key: join(directory, `${name}.key`) };
  run(['req', '-x509', '-days', '2', '-subj', `/CN=${name}`, ...NEW_KEY, '-keyout', made.key, '-out', made.cert]);
  return made;
}

/** `subject`: `/CN=viewer`. It is valid for a day, or was: `isOver`. */
export function createClientCertificate(
  directory: string,
  name: string,
  subject: string,
  authority: Certificate,
  isOver = false,
): Certificate {
  return sign(directory, name, subject, authority, 'extendedKeyUsage=clientAuth', isOver);
}

/** `names` as openssl writes them: `IP:127.0.0.1,DNS:prometheus`. */
export function createServerCertificate(directory: string, name: string, names: string, authority: Certificate): Certificate {
  return sign(directory, name, `/CN=${name}`, authority, `extendedKeyUsage=serverAuth\nsubjectAltName=${names}`, false);
}

function sign(directory: string, name: string, subject: string, authority: Certificate, extensions: string, isOver: boolean): Certificate {
  const made = { cert: join(directory, `${name}.crt`), key: join(directory, `${name}.key`) };
  const request = join(directory, `${name}.csr`);
  const file = join(directory, `${name}.ext`);
  writeFileSync(file, `${extensions}\n`);
  run(['req', '-subj', subject, ...NEW_KEY, '-keyout', made.key, '-out', request]);
  const by = ['-CA', authority.cert, '-CAkey', authority.key, '-CAcreateserial', '-extfile', file];
  run(['x509', '-req', '-in', request, '-out', made.cert, ...by, '-days', isOver ? '-1' : '1']);
  return made;
}

/** As a kubeconfig has it inline. */
export function inline(file: string): string {
  return readFileSync(file).toString('base64');
}

const NEW_KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];

function run(args: readonly string[]): void {
  const { status, stderr } = openssl(args);
  if (status !== 0) throw new Error(`openssl ${args[0]}: ${stderr}`);
}

function openssl(args: readonly string[]) {
  return spawnSync('openssl', args, { encoding: 'utf8' });
}
