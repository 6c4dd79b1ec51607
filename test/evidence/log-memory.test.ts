import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import { createLogParser } from '../../src/evidence/log.ts';
import { linesOf } from './log-corpus.ts';

setFlagsFromString('--expose-gc');
const collect: () => void = runInNewContext('gc');

describe('memory', () => {
  it('a kept fact keeps its own text only, not the block it was read from', () => {
    const lines = linesOf('wrong-service-account.log').filter((line) => /policy::http|unauthorized/.test(line));
    const filler = `${'[     1.000000s]  INFO ThreadId(01) linkerd2_proxy: Tap DISABLED\n'.repeat(900)}`;
    const parser = createLogParser({ name: 'x' });
    const kept: unknown[] = [];
    collect();
    const before = process.memoryUsage().heapUsed;
    for (let i = 0; i < 500; i++) kept.push(...parser.push(`${filler}${lines.join('\n').replaceAll('10.42.0.17', `10.42.10.${i % 200}`)}`));
    collect();
    expect(kept.length).toBeGreaterThan(900);
    expect((process.memoryUsage().heapUsed - before) / kept.length).toBeLessThan(8000);
  });
});
