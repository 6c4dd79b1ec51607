/** The programs of the test cluster: built once from their Go modules, kept outside the checkout under a name that tells what they were built from. */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

const MODULES = join(import.meta.dirname, 'go');
const CACHE = join(process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'denywhy', 'cluster');
const KUBERNETES_COMMANDS = ['kube-apiserver', 'kube-controller-manager', 'kubectl'];
const OPERATOR_MODULE = 'github.com/prometheus-operator/prometheus-operator';

/** What is built together, from `go/NAME/go.mod`. */
interface Build {
  readonly name: string;
  readonly modulePath: string;
  readonly version: string;
  readonly directory: string;
}

const kubernetes = buildOf('kubernetes', 'k8s.io/kubernetes');
const operator = buildOf('operator', OPERATOR_MODULE);

/** Absolute paths. etcd is Debian's and found by PATH. */
export const BINARIES = {
  etcd: 'etcd',
  apiServer: join(kubernetes.directory, 'kube-apiserver'),
  controllerManager: join(kubernetes.directory, 'kube-controller-manager'),
  kubectl: join(kubernetes.directory, 'kubectl'),
  operator: join(operator.directory, 'operator'),
  /** A folder: one file for each CustomResourceDefinition of the operator. */
  operatorCrds: join(operator.directory, 'crds'),
};

/** One sentence that says which program is missing and how to get it; null: all are there. */
export function whatIsMissing(): string | null {
  if (spawnSync(BINARIES.etcd, ['--version']).status !== 0) return 'etcd is not installed (Debian: apt-get install etcd-server)';
  if (existsSync(kubernetes.directory) && existsSync(operator.directory)) return null;
  const build = 'npm run cluster -- --build (once, some minutes)';
  return hasGo() ? `the control plane is not built: ${build}` : `Go is not installed; with it: ${build}`;
}

export function hasGo(): boolean {
  return spawnSync('go', ['version']).status === 0;
}

/** Builds what is not built yet; Go's output goes to this process' stderr. Safe beside another build: the first to finish wins. Throws when Go fails. */
export function buildBinaries(say: (line: string) => void): void {
  for (const build of [kubernetes, operator]) {
    if (existsSync(build.directory)) continue;
    say(`building ${build.modulePath} ${build.version} into ${build.directory}`);
    mkdirSync(CACHE, { recursive: true });
    const scratch = mkdtempSync(`${build.directory}.building-`);
    try {
      if (build === kubernetes) buildKubernetes(scratch);
      else buildOperator(scratch);
      if (!existsSync(build.directory)) renameSync(scratch, build.directory);
    } finally {
      rmSync(scratch, { recursive: true, force: true });
    }
  }
}

/** Without the version, kubectl and API server call themselves v0.0.0-master, and discovery says so to clients. */
function buildKubernetes(into: string): void {
  const [major, minor] = kubernetes.version.slice(1).split('.');
  const variables = { gitVersion: kubernetes.version, gitMajor: major, gitMinor: minor };
  const flags = Object.entries(variables).map(([name, value]) => `-X k8s.io/component-base/version.${name}=${value}`);
  const packages = KUBERNETES_COMMANDS.map((command) => `${kubernetes.modulePath}/cmd/${command}`);
  go(kubernetes, ['build', ...BUILD_FLAGS, '-o', `${into}/`, '-ldflags', ['-s', '-w', ...flags].join(' '), ...packages]);
}

function buildOperator(into: string): void {
  go(operator, ['build', ...BUILD_FLAGS, '-o', join(into, 'operator'), '-ldflags', '-s -w', `${OPERATOR_MODULE}/cmd/operator`]);
  const source = go(operator, ['list', '-m', '-f', '{{.Dir}}', OPERATOR_MODULE]).trim();
  cpSync(join(source, 'example', 'prometheus-operator-crd'), join(into, 'crds'), { recursive: true });
}

const BUILD_FLAGS = ['-mod=readonly', '-trimpath', '-buildvcs=false'];

/** Runs Go in the module's folder and returns what it printed. Without cgo: no C compiler is needed and the programs run anywhere. */
function go({ name }: Build, args: readonly string[]): string {
  const { status, stdout, error } = spawnSync('go', args, {
    cwd: join(MODULES, name),
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, CGO_ENABLED: '0', GOFLAGS: '' },
  });
  if (status !== 0) throw new Error(`go ${args[0]} failed in ${join(MODULES, name)}${error === undefined ? '' : `: ${error.message}`}`);
  return stdout;
}

/** The directory's name changes with any version in go.mod or go.sum, with the commands and with this file's way to build. */
function buildOf(name: string, modulePath: string): Build {
  const parts = ['go.mod', 'go.sum', 'tools.go'].map((file) => readFileSync(join(MODULES, name, file), 'utf8'));
  const required = parts[0]?.split('\n').map((line) => line.trim().replace(/^require /, ''));
  const version = required?.find((line) => line.startsWith(`${modulePath} v`))?.split(' ')[1];
  if (version === undefined) throw new Error(`${join(MODULES, name, 'go.mod')} requires no ${modulePath}`);
  const key = createHash('sha256')
    .update([...parts, process.arch, 'cgo0'].join('\0'))
    .digest('hex')
    .slice(0, 12);
  return { name, modulePath, version, directory: join(CACHE, `${name}-${version}-${key}`) };
}
