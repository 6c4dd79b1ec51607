import { describe, expect, it } from 'vitest';
import { showVersion, skewOf } from '../../src/posture/proxy-skew.ts';

describe('how far a proxy is behind its control plane', () => {
  it.each([
    ['edge-26.8.3', 'edge-26.8.3', 'same'],
    ['edge-26.8.1', 'edge-26.8.3', 'covered'],
    ['edge-26.8.3', 'edge-26.8.1', 'covered'],
    ['edge-25.10.7', 'edge-26.8.3', 'covered'],
    ['edge-25.10.6', 'edge-26.8.3', 'apart'],
    ['edge-25.9.4', 'edge-26.6.2', 'covered'],
    ['edge-26.6.3', 'edge-26.6.2', 'ahead'],
    ['stable-2.13.7', 'stable-2.14.10', 'covered'],
    ['stable-2.12.6', 'stable-2.14.10', 'apart'],
    ['enterprise-2.18.1', 'enterprise-2.19.0-hotfix', 'covered'],
    ['2.19.2', '2.18.0', 'ahead'],
    ['stable-2.14.10', 'edge-24.2.4', 'covered'],
    ['edge-23.1.1', 'edge-24.8.2', 'apart'],
    ['dev-abc', 'edge-26.8.3', 'unknown'],
    ['', 'edge-26.8.3', 'unknown'],
    // Three quarters of a year after the last version that is known here, another one may have come.
    ['edge-27.3.1', 'edge-27.3.2', 'covered'],
    ['edge-26.8.3', 'edge-27.4.1', 'unknown'],
  ])('%s behind %s: %s', (proxy, controlPlane, skew) => {
    expect(skewOf(proxy, controlPlane)).toBe(skew);
  });

  it('names the version that an edge release belongs to', () => {
    expect(['edge-24.11.8', 'edge-24.11.7', 'stable-2.14.10', 'edge-30.1.1'].map(showVersion)).toEqual([
      'edge-24.11.8 (2.17)',
      'edge-24.11.7 (2.16)',
      'stable-2.14.10',
      'edge-30.1.1',
    ]);
  });
});
