/** Real logs, copied from a running control plane and its proxies, and small helpers to read them. */
import { readdirSync, readFileSync } from 'node:fs';
import type { Fact } from '../../src/evidence/facts.ts';
import { createLogParser, type LogParserOptions, type LogStats } from '../../src/evidence/log.ts';

const FOLDER = new URL('../fixtures/log/', import.meta.url);

export const LOGS: readonly string[] = readdirSync(FOLDER).sort();

export function linesOf(name: string): string[] {
  return readFileSync(new URL(name, FOLDER), 'utf8').split('\n').slice(0, -1);
}

export function readLines(
  lines: readonly string[],
  options: LogParserOptions = { name: 'test' },
): { readonly facts: Fact[]; readonly stats: LogStats } {
  const parser = createLogParser(options);
  const facts = lines.flatMap((line, i) => [...parser.push(line, i + 1)]);
  facts.push(...parser.flush());
  return { facts, stats: parser.stats };
}

/** A fact without what tells one line from another of the same event. */
export function essence(fact: Fact): Omit<Fact, 'source' | 'at'> {
  const { source: _source, at: _at, ...rest } = fact;
  return rest;
}
