import { describe, expect, it } from 'vitest';
import { clusterStatus } from '../../src/commands/cluster-status.ts';
import type { KindStatus } from '../../src/ports.ts';
import { NOON } from '../triage/desk.ts';

const kind = (name: string, differing: Partial<KindStatus> = {}): KindStatus => ({
  ...{ name, isOptional: false, state: 'watching', version: 'v1', objects: 3, heardAt: NOON - 5000, fault: null },
  ...differing,
});
const fault = (message: string) => ({ message, remedy: 'Do it.', since: NOON - 1000 });
const failing = (message: string, heardAt: number | null = NOON - 60_000) =>
  ({ state: 'failing', fault: fault(message), heardAt }) as const;

describe('how the cluster is doing', () => {
  it.each<[sentence: string, kinds: readonly KindStatus[], expected: object]>([
    ['all is well', [kind('pods'), kind('nodes')], { state: 'well', lag: 5000, answeredAt: NOON - 5000, fault: null, remarks: [] }],
    [
      'one kind that may not be read is a remark that says what is known of it',
      [kind('pods'), kind('nodes', failing('The API server says no.'))],
      {
        state: 'remarks',
        lag: 60_000,
        fault: null,
        remarks: ['The API server says no. What is known of nodes (3 objects) grows old. Do it.'],
      },
    ],
    [
      'or that nothing is',
      [kind('pods'), kind('nodes', failing('It says no.', null))],
      { state: 'remarks', remarks: ['It says no. Nothing is known of nodes. Do it.'] },
    ],
    [
      'a server that answers nothing is one fault, not one for each kind',
      [kind('pods', failing('It is gone.')), kind('nodes', failing('It is gone.')), kind('rules', { state: 'absent', isOptional: true })],
      { state: 'failing', fault: fault('It is gone.'), remarks: [], answeredAt: NOON - 5000 },
    ],
    [
      'kinds that many clusters do not have are not missed, Linkerd itself is',
      [kind('pods'), kind('rules', { state: 'absent', isOptional: true }), kind('servers.policy.linkerd.io', { state: 'absent' })],
      { state: 'remarks', remarks: [expect.stringContaining('serves no servers.policy.linkerd.io')] },
    ],
    ['before anything was heard nothing is claimed', [kind('pods', { state: 'starting', heardAt: null })], { lag: null, answeredAt: null }],
  ])('%s', (_, kinds, expected) => {
    expect(clusterStatus('The API server at x', kinds, NOON)).toMatchObject({
      id: 'kubernetes',
      place: 'The API server at x',
      at: NOON,
      ...expected,
    });
  });
});
