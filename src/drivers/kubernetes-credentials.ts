/** Who asks: token, renewed token file, client certificate, password, exec plugin or OIDC, as the kubeconfig says. */
import { ExecAuth } from '@kubernetes/client-node/dist/exec_auth.js';
import { InvalidInput, Unavailable } from '../errors.ts';
import { type KubernetesAccess, pemOf, readAccessFile } from './kubernetes-config.ts';
import { oneLine } from './kubernetes-faults.ts';

export interface Credentials {
  readonly headers: Readonly<Record<string, string>>;
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

interface Authenticator {
  applyAuthentication(user: KubernetesAccess['user'], into: Filled): Promise<void>;
}

export function createCredentials(access: KubernetesAccess): CredentialSource {
  const { user, tokenFile } = access;
  const hasPlugin = user.exec != null || user.authProvider != null;
  let authenticator: Promise<Authenticator> | null = null;

  async function fromPlugin(anew: boolean): Promise<Filled> {
    const filled: Filled = { headers: {} };
    if (anew) authenticator = null;
    authenticator ??= authenticatorOf(user);
    try {
      await (await authenticator).applyAuthentication(withExecInfo(access), filled);
    } catch (error) {
      throw pluginFault(error, user);
    }
    return filled;
  }

  return {
    canRenew: hasPlugin || tokenFile !== null,
    async get(anew) {
      const { headers, cert = null, key = null } = hasPlugin ? await fromPlugin(anew) : { headers: {} };
      const impersonated: Record<string, string> = user.impersonateUser ? { 'Impersonate-User': user.impersonateUser } : {};
      return {
        headers: { ...headers, ...authorizationOf(access), ...impersonated },
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

/** OIDC brings most of the official client with it: only where it is used. */
async function authenticatorOf({ exec, authProvider }: KubernetesAccess['user']): Promise<Authenticator> {
  if (exec != null) return new ExecAuth();
  const { name } = authProvider as { readonly name?: unknown };
  if (name === 'oidc') return new (await import('@kubernetes/client-node/dist/oidc_auth.js')).OpenIDConnectAuth();
  throw new InvalidInput(
    `The kubeconfig logs in by auth-provider ${JSON.stringify(name)}, which kubectl has given up too.`,
    'Use the exec plugin of your cloud (gke-gcloud-auth-plugin, kubelogin, aws eks get-token).',
  );
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
function pluginFault(error: unknown, { exec }: KubernetesAccess['user']): Error {
  if (error instanceof InvalidInput) return error;
  const command = JSON.stringify((exec as { readonly command?: unknown } | null | undefined)?.command ?? 'auth-provider');
  const hint = (exec as { readonly installHint?: unknown } | null | undefined)?.installHint;
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
