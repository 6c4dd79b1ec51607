/** Logs of container `linkerd-proxy` from the API server, as `kubectl logs` reads them: also where it is a native sidecar (an init container). */
import { Unavailable } from '../errors.ts';
import { PROXY_CONTAINER } from '../evidence/conventions.ts';
import { showInstant } from '../policy/time.ts';
import type { LogBounds, Logs, ProxyPod } from '../ports.ts';
import { type KubernetesClient, pathOf, readText } from './kubernetes-client.ts';
import { connectionFault, type KubernetesRefusal, refusalOf } from './kubernetes-faults.ts';

/** https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/pod-v1/#get-read-log-of-the-specified-pod */
export function createKubernetesLogs(client: KubernetesClient): Logs {
  const { place } = client;

  async function* stream(pod: ProxyPod, query: Readonly<Record<string, string>>, signal?: AbortSignal): AsyncGenerator<Uint8Array> {
    const path = pathOf('', 'v1', pod.namespace, 'pods', pod.pod, 'log');
    const whole = { container: PROXY_CONTAINER, timestamps: 'true', ...query };
    const answer = await client.get(path, { query: whole, accept: 'text/plain, */*', ...(signal === undefined ? {} : { signal }) });
    if (answer.status !== 200) {
      const refusal = refusalOf(answer.status, await readText(answer.body, place), `the log of ${pod.namespace}/${pod.pod}`, place);
      throw logFault(refusal, pod, query['previous'] === 'true');
    }
    try {
      for await (const chunk of answer.body) yield chunk as Uint8Array;
    } catch (error) {
      if (signal?.aborted === true) return;
      throw connectionFault(error, place, 0);
    } finally {
      answer.body.destroy();
    }
  }

  return {
    place,
    read: (pod, bounds) => stream(pod, queryOf(bounds)),
    async *follow(pod, since, signal) {
      try {
        yield* stream(pod, { follow: 'true', sinceTime: wholeSecond(since) }, signal);
      } catch (error) {
        if (!signal.aborted) throw error;
      }
    },
    close: () => client.close(),
  };
}

function queryOf({ since, lines, bytes, previous }: LogBounds): Readonly<Record<string, string>> {
  return {
    tailLines: String(lines),
    limitBytes: String(bytes),
    ...(since === null ? {} : { sinceTime: wholeSecond(since) }),
    ...(previous ? { previous: 'true' } : {}),
  };
}

/** The API server hands whole seconds on to the node. */
function wholeSecond(at: number): string {
  return `${showInstant(at).slice(0, 19)}Z`;
}

/** Kubernetes and its node say it in sentences of their own; what they mean is not always what they say. */
function logFault(refusal: KubernetesRefusal, { namespace, pod }: ProxyPod, isPrevious: boolean): Unavailable {
  const { status, message } = refusal;
  const fault = (what: string, remedy: string) => new Unavailable(`${what} (${status}).`, remedy);
  if (status === 403)
    return fault(
      `The log of ${namespace}/${pod} may not be read: there is no right to get pods/log in namespace ${namespace}`,
      `kubectl auth can-i get pods/log -n ${namespace} tells; a Role that grants it: kubectl create role logs -n ${namespace} --verb=get --resource=pods/log`,
    );
  if (isPrevious && (status === 400 || status === 404))
    return fault(`Nothing is left of a run of ${namespace}/${pod} before the present one`, 'Nothing is to be done: it has not restarted.');
  if (status === 404)
    return fault(
      `Pod ${namespace}/${pod} is gone, and its log with it`,
      'Logs that are collected elsewhere still have it: denywhy explain --logs FILE, or Loki for denywhy serve.',
    );
  if (status === 400 && /is not valid for pod/.test(message))
    return fault(
      `Pod ${namespace}/${pod} has no container ${PROXY_CONTAINER}: it is not meshed`,
      `kubectl get pod -n ${namespace} ${pod} -o jsonpath='{.spec.initContainers[*].name} {.spec.containers[*].name}'`,
    );
  if (status === 400 && /waiting to start|not available|ContainerCreating|PodInitializing/.test(message))
    return fault(`The proxy of ${namespace}/${pod} has not started`, `kubectl describe pod -n ${namespace} ${pod} says why.`);
  if (status >= 500)
    return new Unavailable(
      `${message}`,
      `The API server asks the node of the pod, which may be gone: kubectl get pod -n ${namespace} ${pod} -o wide`,
    );
  return refusal;
}
