/** A sender of alerts that measures how long each took to be acknowledged, and what the receiving processes cost. */
import { readFileSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';

export interface Load {
  /** Where the bodies go. */
  readonly url: string;
  readonly seconds: number;
  /** Requests per second, sent when their time has come whatever has become of earlier ones; null: each connection sends the next when it has its answer. */
  readonly rate: number | null;
  readonly connections: number;
}

export interface Loaded {
  readonly perSecond: number;
  /** Milliseconds from the time at which a request was due until it was acknowledged, sorted. */
  readonly latencies: readonly number[];
}

/** Rejects when anything but 200 comes back. */
export async function load({ url, seconds, rate, connections }: Load, bodyOf: (n: number) => string): Promise<Loaded> {
  const agent = new Agent({ keepAlive: true, maxSockets: connections });
  const latencies: number[] = [];
  const begin = performance.now();
  const end = begin + seconds * 1000;
  let sent = 0;
  const one = async (due: number) => {
    await post(url, agent, bodyOf(sent++));
    latencies.push(performance.now() - due);
  };
  const lane = async () => {
    for (let now = performance.now(); now < end; now = performance.now()) await one(now);
  };
  if (rate === null) await Promise.all(Array.from({ length: connections }, lane));
  else await atRate(rate, begin, end, one);
  const took = (performance.now() - begin) / 1000;
  agent.destroy();
  return { perSecond: latencies.length / took, latencies: latencies.sort((a, b) => a - b) };
}

async function atRate(rate: number, begin: number, end: number, one: (due: number) => Promise<void>): Promise<void> {
  const running: Promise<void>[] = [];
  const gap = 1000 / rate;
  for (let due = begin; due < end; due += gap) {
    while (performance.now() < due) await sleep(1);
    running.push(one(due));
  }
  await Promise.all(running);
}

function post(url: string, agent: Agent, body: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const headers = { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(body) };
    const sent = request(url, { method: 'POST', agent, headers }, (response) => {
      response.resume();
      response.on('end', () => (response.statusCode === 200 ? resolve() : reject(new Error(`${url} answered ${response.statusCode}`))));
    });
    sent.on('error', reject);
    sent.end(body);
  });
}

export function quantile(sorted: readonly number[], q: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] ?? Number.NaN;
}

/** The clock of /proc ticks a hundred times a second on every Linux. */
const TICK = 0.01;

/** Seconds of processor time that a process has used, all its threads together (proc_pid_stat(5): utime and stime). */
export function cpuSeconds(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const [, , , , , , , , , , , user = '0', system = '0'] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(user) + Number(system)) * TICK;
}

/** Memory that a process holds now, in MiB. */
export function residentMebibytes(pid: number): number {
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024;
}
