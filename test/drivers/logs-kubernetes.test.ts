/** Logs as a real API server answered them, refusals included, and as a node behind it bounds and follows them. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { openKubernetes } from '../../src/drivers/kubernetes-client.ts';
import { createKubernetesLogs } from '../../src/drivers/logs-kubernetes.ts';
import { Unavailable } from '../../src/errors.ts';
import type { LogBounds, Logs } from '../../src/ports.ts';
import { type Kubelet, startKubelet, writeKubeconfigFor } from '../kubelet.ts';

interface Capture {
  readonly status: number;
  readonly body: unknown;
}

function capture(name: string): Capture {
  return JSON.parse(readFileSync(new URL(`../fixtures/kubernetes-api/${name}.json`, import.meta.url), 'utf8'));
}

const POD = { namespace: 'shop', pod: 'backend-c5d669876-hwvr7' };
const NAME = `${POD.namespace}/${POD.pod}`;
const ALL: LogBounds = { since: null, lines: 1000, bytes: 2 ** 20, previous: false };
const LINES = String(capture('logs-timestamps').body).trimEnd().split('\n');

let directory = '';
let kubelet: Kubelet;
let logs: Logs;

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'denywhy-logs-'));
  kubelet = await startKubelet();
  const kubeconfig = writeKubeconfigFor(kubelet, directory);
  logs = createKubernetesLogs(openKubernetes({ kubeconfig, context: null, env: {} }));
});
afterAll(async () => {
  logs.close();
  await kubelet.close();
  rmSync(directory, { recursive: true });
});
beforeEach(() => {
  kubelet.logs.set(NAME, { lines: [...LINES] });
  kubelet.requests.length = 0;
});

async function textOf(chunks: AsyncIterable<Uint8Array>): Promise<string> {
  const all: Uint8Array[] = [];
  for await (const chunk of chunks) all.push(chunk);
  return Buffer.concat(all).toString();
}

async function faultOf(bounds: Partial<LogBounds> = {}): Promise<Unavailable> {
  const error = await textOf(logs.read(POD, { ...ALL, ...bounds })).catch((thrown: unknown) => thrown);
  if (!(error instanceof Unavailable)) throw new Error(`no Unavailable: ${String(error)}`);
  return error;
}

describe('reading', () => {
  it('gives the lines with their times, as they were captured', async () => {
    expect(await textOf(logs.read(POD, ALL))).toBe(capture('logs-timestamps').body);
  });

  it('asks for the container, the newest lines, a time in whole seconds, and no more bytes than it wants', async () => {
    const since = Date.parse('2026-11-23T09:28:11.659Z');
    expect(await textOf(logs.read(POD, { ...ALL, since }))).toBe(capture('logs-since').body);
    const asked = new URL(kubelet.requests[0] ?? '', kubelet.url);
    expect(asked.pathname).toBe('/api/v1/namespaces/shop/pods/backend-c5d669876-hwvr7/log');
    expect(Object.fromEntries(asked.searchParams)).toEqual({
      container: 'linkerd-proxy',
      timestamps: 'true',
      tailLines: '1000',
      limitBytes: '1048576',
      sinceTime: '2026-11-23T09:28:11Z',
    });
  });

  it('keeps to the limits', async () => {
    expect((await textOf(logs.read(POD, { ...ALL, lines: 2 }))).trimEnd().split('\n')).toEqual(LINES.slice(-2));
    expect((await textOf(logs.read(POD, { ...ALL, bytes: 100 }))).length).toBe(100);
  });

  it('a name that means to leave its place in the path stays a name', async () => {
    await textOf(logs.read({ namespace: 'shop/../..', pod: 'x?follow=true#' }, ALL)).catch(() => undefined);
    expect(kubelet.requests[0]).toMatch(
      /^\/api\/v1\/namespaces\/shop%2F\.\.%2F\.\.\/pods\/x%3Ffollow%3Dtrue%23\/log\?container=linkerd-proxy&/,
    );
  });
});

describe('what a refusal means', () => {
  it.each([
    [
      'no right to read logs',
      'forbidden-logs',
      false,
      /^The log of shop\/backend-c5d669876-hwvr7 may not be read: there is no right to get pods\/log in namespace shop \(403\)\.$/,
      /kubectl create role logs -n shop --verb=get --resource=pods\/log/,
    ],
    [
      'a pod that is not meshed',
      'logs-wrong-container',
      false,
      /it is not meshed|has no container linkerd-proxy/,
      /kubectl get pod -n shop/,
    ],
    ['no run before this one', 'logs-previous', true, /Nothing is left of a run .* before the present one/, /has not restarted/],
    ['a pod that is gone', 'logs-previous', false, /Pod shop\/backend-c5d669876-hwvr7 is gone, and its log with it \(404\)/, /--logs FILE/],
  ])('%s', async (_, name, previous, message, remedy) => {
    const { status, body } = capture(name);
    kubelet.logs.set(NAME, { lines: [], refusal: { status, body: JSON.stringify(body) } });
    const fault = await faultOf({ previous });
    expect(fault.message).toMatch(message);
    expect(fault.remedy).toMatch(remedy);
  });

  it.each([
    [400, 'container "linkerd-proxy" in pod "x" is waiting to start: PodInitializing', /has not started \(400\)/],
    [
      500,
      'Get "https://10.0.0.9:10250/containerLogs/…": dial tcp 10.0.0.9:10250: connect: connection refused',
      /answered 500.*10\.0\.0\.9:10250/,
    ],
  ])('%s %s', async (status, message, expected) => {
    kubelet.logs.set(NAME, { lines: [], refusal: { status, body: JSON.stringify({ kind: 'Status', message }) } });
    expect((await faultOf()).message).toMatch(expected);
  });
});

describe('following', () => {
  it('gives what is there, then what comes, and ends with the signal', async () => {
    const [first = '', second = '', third = ''] = LINES;
    kubelet.logs.set(NAME, { lines: [first, second] });
    const stop = new AbortController();
    let text = '';
    for await (const chunk of logs.follow(POD, Date.parse('2026-11-23T09:26:35Z'), stop.signal)) {
      const isFirst = text === '';
      text += Buffer.from(chunk).toString();
      if (isFirst) kubelet.write(NAME, third);
      if (text.includes(third)) stop.abort();
    }
    expect(text.trimEnd().split('\n')).toEqual([first, second, third]);
  });

  it('ends when the container does', async () => {
    const followed = textOf(logs.follow(POD, 0, new AbortController().signal));
    await expect.poll(() => kubelet.requests.length).toBe(1);
    kubelet.endFollowers();
    expect((await followed).trimEnd().split('\n')).toEqual(LINES);
  });
});
