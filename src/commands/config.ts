/** `denywhy config`: the configuration in force, and where each value came from. */

import { Option } from 'commander';
import { configKeys, loadConfig, type Origins } from '../config.ts';
import type { Config } from '../config-schema.ts';
import type { Command } from './command.ts';
import { showJson } from './explain-data.ts';
import { safe } from './terminal.ts';

const EXAMPLES = `
Examples:
  $ denywhy config
  $ denywhy config --config denywhy.yaml -o json

Secrets are not shown. docs/configuration.md explains each key.
`;

interface ShownKey {
  readonly key: string;
  readonly value: unknown;
  readonly from: string;
  readonly variable: string;
}

export const config: Command = {
  name: 'config',
  register(subcommand) {
    subcommand
      .description('show the configuration in force, and where each value came from')
      .option('--config <file>', 'configuration in YAML; the environment (DENYWHY_…) goes before it')
      .addOption(new Option('-o, --output <form>', 'form of the answer').choices(['text', 'json']).default('text'))
      .addHelpText('after', EXAMPLES);
  },
  async run(subcommand, io) {
    const { config: path, output } = subcommand.opts<{ config?: string; output: 'text' | 'json' }>();
    const loaded = loadConfig(io.env, path ?? null);
    const keys = shownKeys(loaded.config, loaded.origins);
    io.stdout.write(output === 'json' ? showJson(keys) : showText(keys));
    return 0;
  },
};

function shownKeys(config: Config, origins: Origins): readonly ShownKey[] {
  const sections: Readonly<Record<string, Readonly<Record<string, unknown>>>> = config;
  return configKeys().map(({ key, variable, isSecret }) => {
    const [section = '', name = ''] = key.split('.');
    const from = origins.get(key) ?? 'default';
    const value = sections[section]?.[name];
    return { key, value: isSecret && from !== 'default' ? '(hidden)' : value, from, variable };
  });
}

function showText(keys: readonly ShownKey[]): string {
  const rows = keys.map(({ key, value, from }) => [`${key}:`, safe(JSON.stringify(value)), `# ${safe(from)}`] as const);
  const width = (column: 0 | 1) => Math.max(...rows.map((row) => row[column].length));
  const [first, second] = [width(0), Math.min(60, width(1))];
  return `${rows.map(([key, value, from]) => `${key.padEnd(first)}  ${value.padEnd(second)}  ${from}`).join('\n')}\n`;
}
