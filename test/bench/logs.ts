/** Log lines per second against the least that reading lines can cost: finding line feeds in 64 KiB buffers and making each line a string. */
import { createLogParser } from '../../src/evidence/log.ts';
import { createBlockSplitter } from '../../src/evidence/log-lines.ts';
import { type Line, median, time } from './measure.ts';

const CHUNK = 64 * 1024;
const SIZE = 32 * 1024 * 1024;

export function benchLogs(name: string, log: Buffer, rounds: number): readonly Line[] {
  const data = Buffer.concat(Array.from({ length: Math.ceil(SIZE / log.length) }, () => log));
  const chunks: Buffer[] = [];
  for (let at = 0; at < data.length; at += CHUNK) chunks.push(data.subarray(at, at + CHUNK));
  const ratios: number[] = [];
  const rates: number[] = [];
  for (let round = 0; round < rounds; round++) {
    let lines = 0;
    const base = time(1, () => baseline(chunks));
    const ours = time(1, () => {
      lines = parse(chunks);
    });
    ratios.push(base / ours);
    rates.push(lines / (ours / 1e9));
  }
  return [
    { name: `${name}: speed against the baseline`, value: median(ratios), unit: 'x', aim: 0.5, rounds: ratios },
    { name: `${name}: lines`, value: median(rates), unit: 'lines/s', aim: null, rounds: rates },
  ];
}

/** Every line a string, and nothing else. */
function baseline(chunks: readonly Buffer[]): number {
  let total = 0;
  let rest = '';
  for (const chunk of chunks) {
    let start = 0;
    for (let end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10, start)) {
      total += (rest + chunk.toString('utf8', start, end)).length;
      rest = '';
      start = end + 1;
    }
    rest += chunk.toString('utf8', start);
  }
  return total + rest.length;
}

function parse(chunks: readonly Buffer[]): number {
  const splitter = createBlockSplitter();
  const parser = createLogParser({ name: 'bench', reporter: { namespace: 'production', pod: 'backend' } });
  for (const chunk of chunks) for (const lines of splitter.push(chunk)) parser.push(lines);
  for (const lines of splitter.flush()) parser.push(lines);
  parser.flush();
  return parser.stats.lines;
}
