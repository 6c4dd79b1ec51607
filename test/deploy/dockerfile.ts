/** deploy/Dockerfile and .dockerignore, as far as they are written here: what is not known is refused, not guessed. */

export interface Instruction {
  readonly name: string;
  /** `--from=build` as `['from', 'build']`. */
  readonly flags: ReadonlyMap<string, string>;
  readonly words: readonly string[];
}

export interface Stage {
  /** `name:tag@digest`. */
  readonly image: string;
  readonly name: string | null;
  readonly instructions: readonly Instruction[];
}

/** https://docs.docker.com/reference/dockerfile/ Throws at an instruction before the first FROM. */
export function stagesOf(text: string): readonly Stage[] {
  const stages: { image: string; name: string | null; instructions: Instruction[] }[] = [];
  for (const line of text.replaceAll(/\\\n/g, ' ').split('\n')) {
    if (/^\s*(#|$)/.test(line)) continue;
    const instruction = instructionOf(line.trim());
    const { name, words } = instruction;
    const last = stages.at(-1);
    if (name === 'FROM') stages.push({ image: words[0] ?? '', name: words[1] === 'AS' ? (words[2] ?? '') : null, instructions: [] });
    else if (last === undefined) throw new Error(`before the first FROM: ${line}`);
    else last.instructions.push(instruction);
  }
  return stages;
}

function instructionOf(line: string): Instruction {
  const [name = '', ...rest] = line.split(/\s+/);
  const count = name === 'COPY' ? rest.findIndex((word) => !word.startsWith('--')) : 0;
  const flags = rest.slice(0, count).map((flag): [string, string] => {
    const [key = '', value = ''] = flag.slice(2).split('=');
    return [key, value];
  });
  const plain = rest.slice(count);
  const words: readonly string[] = plain[0]?.startsWith('[') ? JSON.parse(plain.join(' ')) : plain;
  return { name, flags: new Map(flags), words };
}

/** The last words of an instruction in the stage: those of it that count. */
export function lastOf(stage: Stage, name: string): readonly string[] {
  const found = stage.instructions.findLast((instruction) => instruction.name === name);
  if (found === undefined) throw new Error(`no ${name} in the stage from ${stage.image}`);
  return found.words;
}

/** The paths that a .dockerignore leaves, where it leaves nothing but what it names: `*`, then `!PATH` without a wildcard. */
export function keptBy(dockerignore: string): readonly string[] {
  const [all, ...kept] = dockerignore.split('\n').filter((line) => !/^\s*(#|$)/.test(line));
  const odd = kept.filter((line) => !/^![\w./-]+$/.test(line));
  if (all !== '*' || odd.length > 0) throw new Error(`.dockerignore: ${odd[0] ?? all}`);
  return kept.map((line) => line.slice(1));
}
