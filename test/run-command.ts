/** Runs the program in this process. */
import { Readable, Writable } from 'node:stream';
import { main } from '../src/main.ts';

export interface Ran {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

export async function run(
  args: readonly string[],
  { stdin = '', now = Date.now() }: { readonly stdin?: string; readonly now?: number } = {},
): Promise<Ran> {
  const written = { stdout: [] as Buffer[], stderr: [] as Buffer[] };
  const sink = (to: Buffer[]) => new Writable({ write: (chunk: Buffer, _, done) => done(void to.push(chunk)) });
  const exitCode = await main(args, {
    stdin: Readable.from(stdin === '' ? [] : [Buffer.from(stdin)], { objectMode: false }),
    stdout: sink(written.stdout),
    stderr: sink(written.stderr),
    env: {},
    now,
    isTTY: { stdin: false, stdout: false, stderr: false },
    columns: 80,
  });
  return { exitCode, stdout: Buffer.concat(written.stdout).toString(), stderr: Buffer.concat(written.stderr).toString() };
}
