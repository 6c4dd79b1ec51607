/** The table of docs/configuration.md: `node test/config-table.ts` prints it. */
import { configKeys, loadConfig } from '../src/config.ts';

const DAY = 86_400_000;

export function configTable(): string {
  const sections: Readonly<Record<string, Readonly<Record<string, unknown>>>> = loadConfig({}, null).config;
  const rows = configKeys().map(({ key, variable, description }) => {
    const [section = '', name = ''] = key.split('.');
    return [`\`${key}\``, `\`${variable}\``, showDefault(key, sections[section]?.[name]), description];
  });
  const table = [['key', 'variable', 'default', 'meaning'], ...rows];
  const widths = [0, 1, 2, 3].map((column) => Math.max(...table.map((row) => row[column]?.length ?? 0)));
  const line = (row: readonly string[]) => `| ${row.map((cell, i) => cell.padEnd(widths[i] ?? 0)).join(' | ')} |`;
  const [head = [], ...body] = table;
  return [line(head), `| ${widths.map((width) => '-'.repeat(width)).join(' | ')} |`, ...body.map(line)].join('\n');
}

/** As it would be written. */
function showDefault(key: string, value: unknown): string {
  if (key === 'listen.address') return '`127.0.0.1:8417`';
  if (Array.isArray(value)) return value.length === 0 ? 'none' : `\`${value.join(',')}\``;
  if (typeof value !== 'number') return value === '' ? 'empty' : `\`${String(value)}\``;
  if (/^limits\.(?:body|unpacked|held|headers)$|answer$|^logs\.bytes$/.test(key))
    return value % 2 ** 20 === 0 ? `\`${value / 2 ** 20}Mi\`` : `\`${value / 1024}Ki\``;
  if (/poll(?:Allowed)?$|Time$|timeout$|resume$|refresh$|^triage\.|age$|back$/.test(key))
    return `\`${value % DAY === 0 ? `${value / DAY}d` : value % 60_000 === 0 ? `${value / 60_000}m` : `${value / 1000}s`}\``;
  return `\`${value}\``;
}

if (import.meta.main) console.log(configTable());
