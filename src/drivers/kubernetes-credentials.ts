/** Who asks: token, renewed token file, client certificate, password, exec plugin or an OIDC token, as the kubeconfig says. */
import type { OutgoingHttpHeaders } from 'node:http';
import { ExecAuth } from '@kubernetes/client-node/dist/exec_auth.js';
import { InvalidInput, Unavailable } from '../errors.ts';
import { showInstant } from '../policy/time.ts';
import { type KubernetesAccess, pemOf, readAccessFile } from './kubernetes-config.ts';
import { oneLine } from './kubernetes-faults.ts';

export interface Credentials {
  readonly headers: OutgoingHttpHeaders;
  /** PEM; null: none. */
  readonly cert: string | null;
  readonly key: string | null;
}

export interface CredentialSource {
  /** `anew`: the last ones were refused. Errors: Unavailable (a plugin fails, a file is gone), InvalidInput (a way to log in that nobody knows). */
  get(anew: boolean): Promise<Credentials>;
  /** True: asking anew may give others. */
  readonly canRenew: boolean;
}

/** What the official client fills in. */
interface Filled {
  headers: Record<string, string>;
  cert?: string;
  key?: string;
}

export function createCredentials(access: KubernetesAccess): CredentialSource {
  const { user, tokenFile } = access;
  const { exec } = user;
  let plugin = new ExecAuth();

  async function fromPlugin(anew: boolean): Promise<Filled> {
    const filled: Filled = { headers: {} };
    if (anew) plugin = new ExecAuth();
    try {
      await plugin.applyAuthentication(withExecInfo(access), filled);
    } catch (error) {
      throw pluginFault(error, exec);
    }
    return filled;
  }

  async function given(anew: boolean): Promise<Filled> {
    if (exec != null) return fromPlugin(anew);
    return { headers: user.authProvider == null ? {} : { Authorization: `Bearer ${oidcToken(user.authProvider)}` } };
  }

  return {
    canRenew: exec != null || tokenFile !== null,
    async get(anew) {
      const { headers, cert = null, key = null } = await given(anew);
      return {
        headers: { ...headers, ...authorizationOf(access), ...impersonationOf(access) },
        cert: cert ?? pemOf(user.certFile, user.certData, 'client certificate'),
        key: key ?? pemOf(user.keyFile, user.keyData, 'client key'),
      };
    },
  };
}

function authorizationOf({ user, tokenFile }: KubernetesAccess): Record<string, string> {
  const token = tokenFile === null ? user.token : readAccessFile(tokenFile, 'token').trim();
  if (token) return { Authorization: `Bearer ${token}` };
  if (!user.username) return {};
  return { Authorization: `Basic ${Buffer.from(`${user.username}:${user.password ?? ''}`).toString('base64')}` };
}

function impersonationOf({ user: { impersonateUser }, impersonateGroups }: KubernetesAccess): OutgoingHttpHeaders {
  if (!impersonateUser) return {};
  return {
    'Impersonate-User': impersonateUser,
    ...(impersonateGroups.length === 0 ? {} : { 'Impersonate-Group': [...impersonateGroups] }),
  };
}

/**
 * The token as kubectl left it. Renewing it is kubectl's: what comes with it is written into the kubeconfig, and what it is renewed by may be good
 * for one use. Errors: InvalidInput (another way to log in, no token), Unavailable (it ran out).
 */
function oidcToken(authProvider: unknown): string {
  const { name, config } = authProvider as { readonly name?: unknown; readonly config?: Readonly<Record<string, unknown>> | null };
  if (name !== 'oidc')
    throw new InvalidInput(
      `The kubeconfig logs in by auth-provider ${JSON.stringify(name)}, which kubectl has given up too.`,
      'Use the exec plugin of your cloud (gke-gcloud-auth-plugin, kubelogin, aws eks get-token).',
    );
  const token = config?.['id-token'];
  const remedy =
    'kubectl get namespaces gets a new one and keeps it; or log in by an exec plugin (kubectl oidc-login), which is run here too.';
  if (typeof token !== 'string' || token === '')
    throw new Unavailable('The kubeconfig logs in by auth-provider "oidc" and holds no id-token.', remedy);
  const end = expiryOf(token);
  if (end !== null && end <= Date.now())
    throw new Unavailable(`The id-token of auth-provider "oidc" ran out at ${showInstant(end).slice(0, 19)}Z.`, remedy);
  return token;
}

/** `exp` of a JSON Web Token; null: it does not say, and the API server will. https://www.rfc-editor.org/rfc/rfc7519#section-4.1.4 */
function expiryOf(token: string): number | null {
  try {
    const { exp } = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString('utf8')) as { readonly exp?: unknown };
    return typeof exp === 'number' && Number.isFinite(exp) ? exp * 1000 : null;
  } catch {
    return null;
  }
}

/** https://kubernetes.io/docs/reference/access-authn-authz/authentication/#input-and-output-formats */
function withExecInfo({ user, cluster }: KubernetesAccess): KubernetesAccess['user'] {
  if (user.exec == null) return user;
  const { env, apiVersion } = user.exec as { readonly env?: readonly object[] | null; readonly apiVersion?: string };
  const { server, caData, tlsServerName, skipTLSVerify } = cluster;
  const info = {
    apiVersion,
    kind: 'ExecCredential',
    spec: {
      interactive: false,
      cluster: {
        server,
        'certificate-authority-data': caData,
        'tls-server-name': tlsServerName,
        'insecure-skip-tls-verify': skipTLSVerify,
      },
    },
  };
  return { ...user, exec: { ...user.exec, env: [...(env ?? []), { name: 'KUBERNETES_EXEC_INFO', value: JSON.stringify(info) }] } };
}

/** What a plugin printed may hold a secret only where it worked: then there is no fault. */
function pluginFault(error: unknown, exec: KubernetesAccess['user']['exec']): Error {
  const { command: named, installHint: hint } = exec as { readonly command?: unknown; readonly installHint?: unknown };
  const command = JSON.stringify(named ?? '');
  if (error instanceof Error && 'code' in error && error.code === 'ENOENT')
    return new Unavailable(
      `The kubeconfig logs in by ${command}, which is not installed or not in PATH.`,
      typeof hint === 'string' ? oneLine(hint) : 'Install it, or use another context.',
    );
  if (error instanceof SyntaxError || error instanceof TypeError)
    return new Unavailable(`${command} did not print an ExecCredential.`, 'Run it by itself to see what it says.');
  const said = error instanceof Error ? oneLine(error.message) : '';
  return new Unavailable(
    `${command} could not log in${said === '' ? '' : `: ${said}`}.`,
    'Run it by itself: it may want you to log in anew.',
  );
}
