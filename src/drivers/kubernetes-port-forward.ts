/**
 * A connection to a port of a pod, with the rights of whoever asks (pods/portforward): channels over a WebSocket, as the kubelet speaks them
 * (kubernetes `pkg/kubelet/cri/streaming/portforward/websocket.go`). In the pod it comes from localhost. For one-off use by a person.
 */
import { Duplex } from 'node:stream';
import type { KubeConfig } from '@kubernetes/client-node';
import { Unavailable } from '../errors.ts';
import type { ProxyPod } from '../ports.ts';
import { type KubernetesClient, pathOf } from './kubernetes-client.ts';
import { connectionFault, oneLine } from './kubernetes-faults.ts';

export interface PortForward {
  /** Errors: Unavailable. What goes wrong later is an error of the stream, an Unavailable as well. */
  open(pod: ProxyPod, port: number): Promise<Duplex>;
}

const [DATA, ERROR] = [0, 1];
/** Each channel begins with the number of the port. */
const PORT_BYTES = 2;
const TIMEOUT = 20_000;

export function createPortForward({ access, connection, place }: KubernetesClient): PortForward {
  const config = {
    getCurrentCluster: () => access.cluster,
    async applyToHTTPSOptions(options: Record<string, unknown>) {
      Object.assign(options, { ...(await connection()), handshakeTimeout: TIMEOUT });
    },
  } as unknown as KubeConfig;

  return {
    async open(pod, port) {
      const { WebSocketHandler } = await import('@kubernetes/client-node/dist/web-socket-handler.js');
      const path = `${pathOf('', 'v1', pod.namespace, 'pods', pod.pod, 'portforward')}?ports=${port}`;
      const channels = createChannels(pod, port);
      const handler = new WebSocketHandler(config);
      const socket = await handler.connect(path, null, channels.receive).catch((error: unknown) => {
        throw openFault(error, pod, place);
      });
      return channels.connect(socket);
    },
  };
}

/** What is used of a WebSocket. */
interface Socket {
  send(data: Buffer): void;
  close(): void;
  addEventListener(type: 'close' | 'error', listener: () => void): void;
}

function createChannels({ namespace, pod }: ProxyPod, port: number) {
  const left = [PORT_BYTES, PORT_BYTES];
  let socket: Socket | null = null;
  const stream = new Duplex({
    read() {},
    write(chunk: Buffer, _, done) {
      socket?.send(Buffer.concat([Buffer.of(DATA), chunk]));
      done();
    },
    // The channel has no end of its own: closing it would cut the answer off.
    final: (done) => done(),
    destroy(error, done) {
      socket?.close();
      done(error);
    },
  });
  // Whoever reads it may come later than its fault.
  stream.on('error', () => {});
  const same = () => stream;
  // What node:http asks of a socket.
  Object.assign(stream, { setTimeout: same, setNoDelay: same, setKeepAlive: same, ref: same, unref: same });
  const fail = (what: string) =>
    stream.destroy(
      new Unavailable(`Port ${port} of ${namespace}/${pod} cannot be reached: ${what}.`, 'Is the pod running, and does it listen there?'),
    );

  return {
    receive(channel: number, data: Buffer): boolean {
      const skipped = Math.min(left[channel] ?? 0, data.length);
      left[channel] = (left[channel] ?? 0) - skipped;
      const rest = data.subarray(skipped);
      if (rest.length === 0) return true;
      if (channel === DATA) stream.push(rest);
      else if (channel === ERROR) fail(oneLine(rest.toString('utf8')));
      return true;
    },
    connect(opened: Socket): Duplex {
      socket = opened;
      opened.addEventListener('close', () => stream.push(null));
      opened.addEventListener('error', () => fail('the connection broke off'));
      if (stream.errored !== null) {
        opened.close();
        throw stream.errored;
      }
      return stream;
    },
  };
}

/** `ws` says the status only in its message. */
function openFault(error: unknown, { namespace, pod }: ProxyPod, place: string): Unavailable {
  const inner = error instanceof Error ? error : ((error as { readonly error?: unknown }).error ?? error);
  const message = String((inner as { readonly message?: unknown }).message ?? '');
  const status = Number(/Unexpected server response: (\d{3})/.exec(message)?.[1] ?? 0);
  if (status === 401) return new Unavailable(`${place} does not know who asks (401).`, 'Log in again.');
  if (status === 403)
    return new Unavailable(
      `There is no right to forward a port of ${namespace}/${pod} (403).`,
      `Without it, give Prometheus: --prometheus URL. kubectl auth can-i create pods/portforward -n ${namespace} tells.`,
    );
  if (status === 404)
    return new Unavailable(`Pod ${namespace}/${pod} is gone (404).`, `kubectl get pods -n ${namespace} shows those that are there.`);
  if (status > 0)
    return new Unavailable(
      `${place} does not forward a port of ${namespace}/${pod} (${status}).`,
      `The API server asks the node of the pod: kubectl get pod -n ${namespace} ${pod} -o wide`,
    );
  return connectionFault(inner, place, TIMEOUT);
}
