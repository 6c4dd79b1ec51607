import { describe, expect, it } from 'vitest';
import { whileRunning } from '../../src/commands/while-running.ts';

describe('who asks for the same at the same time', () => {
  it('gets the same answer; afterwards, and of something else, it is found out anew', async () => {
    let asked = 0;
    const find = whileRunning(async (name: string) => `${name} ${++asked}`);
    expect(await Promise.all([find('a'), find('b'), find('a')])).toEqual(['a 1', 'b 2', 'a 1']);
    expect(await find('a')).toBe('a 3');
  });

  it('gets the same error; afterwards it may go better', async () => {
    let asked = 0;
    const find = whileRunning(async (_name: string) => {
      if (++asked === 1) throw new Error('store');
      return asked;
    });
    const both = await Promise.allSettled([find('a'), find('a')]);
    expect(both.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    expect(await find('a')).toBe(2);
  });
});
