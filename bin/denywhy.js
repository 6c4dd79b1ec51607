#!/usr/bin/env node
// Plain JavaScript that an old Node can read: it starts denywhy under Node 26, which runs TypeScript natively.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { constants } from 'node:os';
import { fileURLToPath } from 'node:url';

const NEEDED = 26;
const UNAVAILABLE = 3;
/** Node sets aside up to 96 MB for young objects; a fifth is enough, and no slower. */
const FLAGS = ['--max-semi-space-size=8'];

if (Number.parseInt(process.versions.node, 10) >= NEEDED) {
  const { start } = await import('../src/main.ts');
  await start();
} else {
  const bundled = fileURLToPath(new URL(`../node_modules/node/bin/node${process.platform === 'win32' ? '.exe' : ''}`, import.meta.url));
  if (existsSync(bundled)) restartUnder(bundled);
  else sayWhatToDo();
}

/** Runs the same command line under `node`; streams, signals and the exit code pass through. */
function restartUnder(node) {
  const main = fileURLToPath(new URL('../src/main.ts', import.meta.url));
  const child = spawn(node, [...FLAGS, main, ...process.argv.slice(2)], { stdio: 'inherit' });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
  child.on('error', (error) => {
    process.stderr.write(`denywhy: ${node} does not start: ${error.message}\n  Install it again: npm ci\n`);
    process.exitCode = UNAVAILABLE;
  });
  child.on('exit', (code, signal) => {
    process.exitCode = signal === null ? code : 128 + constants.signals[signal];
  });
}

function sayWhatToDo() {
  process.stderr.write(
    `denywhy: Node ${NEEDED} or newer is needed, this is ${process.version}.\n` +
      '  In the checkout run: npm ci\n' +
      '  It brings the right Node along (not with --ignore-scripts), and denywhy finds it there.\n',
  );
  process.exitCode = UNAVAILABLE;
}
