/** Files in the oracle's formats → records. Plain or gzipped; YAML scenario, JSON or JSON lines; folders are walked. */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { parse } from 'yaml';

export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };
export type Rec = { readonly [key: string]: Json };

/** Every file below the given paths that may hold records, in name order. */
export function filesBelow(paths: readonly string[]): readonly string[] {
  return paths.flatMap((path) => {
    if (statSync(path, { throwIfNoEntry: false })?.isDirectory() !== true) return [path];
    const names = readdirSync(path).sort();
    return filesBelow(names.map((name) => join(path, name)).filter((p) => statSync(p).isDirectory() || /\.(ya?ml|jsonl?)(\.gz)?$/.test(p)));
  });
}

/** A file that cannot be read, or is in none of the formats. */
export class Unreadable extends Error {}

/** Throws Unreadable. */
export function readRecords(file: string): readonly Rec[] {
  try {
    return parseRecords(file);
  } catch (error) {
    throw new Unreadable(`${file}: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function parseRecords(file: string): readonly Rec[] {
  const bytes = readFileSync(file);
  const text = (bytes[0] === 0x1f && bytes[1] === 0x8b ? gunzipSync(bytes) : bytes).toString('utf8');
  if (/\.ya?ml(\.gz)?$/.test(file)) return [parse(text) as Rec];
  if (/\.json(\.gz)?$/.test(file)) return [JSON.parse(text) as Rec];
  return text
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line) => JSON.parse(line) as Rec);
}
