/** Text → objects and watch events of a cluster. */
import { InvalidInput } from '../errors.ts';
import type { Change, Instant, Resource } from '../policy/resource.ts';
import { type Collected, collect, holdsObject, isEvent } from './collect.ts';
import type { CutOff, Parsed } from './document.ts';
import { dumpCommand } from './dump.ts';
import { parseJson } from './json-text.ts';
import { describe, fieldsOf, type ObjectOptions } from './object.ts';
import { type CountedNotice, createNoticeBook, type NoticeBook, placeAt } from './place.ts';
import { parseYaml } from './yaml-text.ts';

export interface ReadOptions {
  /** Of namespaced objects that name none; `default` where it is left out. */
  readonly defaultNamespace?: string;
  /** True for a file that nobody named, found in a directory: when it holds no manifest it is passed over instead of refused. */
  readonly mayBeOther?: boolean;
}

export interface Manifests {
  readonly file: string;
  /** False: passed over (`mayBeOther`). */
  readonly isManifest: boolean;
  readonly resources: readonly Resource[];
  /** Watch events, in the order of the file. */
  readonly events: readonly Change[];
  /** The earliest time at which an event of the file was observed; null when its events carry no times. */
  readonly observedFrom: Instant | null;
  /** Kinds that nothing here reads: how many objects of each, by `Kind (apiVersion)`. */
  readonly unread: ReadonlyMap<string, number>;
  readonly notices: readonly CountedNotice[];
}

/** No YAML holds these unescaped. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const NOT_TEXT = /[\u0000-\u0008\u000b\u000c\u000e-\u001f]/;
const WRITE_AGAIN = 'Write it again as UTF-8 text: kubectl get … -o yaml.';

/** YAML takes 0.3 s and 10 MB of memory per MB. */
const MAX_YAML = 64 * 1024 * 1024;

/**
 * Reads YAML (documents, lists), JSON (one value, a value per line, values in a row), lists of any kind and watch events, in any mixture.
 * Errors: InvalidInput with place and remedy for everything that is not whole or not Kubernetes objects.
 */
export function readManifests(text: string, file: string, options: ReadOptions = {}): Manifests {
  const isNothing = (): Manifests => ({
    file,
    isManifest: false,
    resources: [],
    events: [],
    observedFrom: null,
    unread: new Map(),
    notices: [],
  });
  if (options.mayBeOther === true && !(text.includes('apiVersion') && text.includes('kind'))) return isNothing();
  const parsed = parse(text, file);
  if (!parsed.documents.some(({ value }) => holdsObject(value))) {
    if (parsed.cutOff !== null) throw cutOffFault(parsed.cutOff, file);
    if (options.mayBeOther === true) return isNothing();
    throw noManifests(parsed, file);
  }
  const notices = createNoticeBook();
  if (parsed.cutOff !== null) reportCutOff(parsed, file, notices.add);
  const collected: Collected = { resources: [], events: [], observed: [] };
  const objectOptions: ObjectOptions = { defaultNamespace: options.defaultNamespace ?? 'default', notices, unread: new Map() };
  for (const document of parsed.documents) collect(document.value, document, [], collected, objectOptions);
  const { resources, events, observed } = collected;
  const observedFrom = observed.reduce<Instant | null>((first, at) => (first === null || at < first ? at : first), null);
  return { file, isManifest: true, resources, events, observedFrom, unread: objectOptions.unread, notices: notices.counted() };
}

function parse(text: string, file: string): Parsed {
  const content = text.charCodeAt(0) === 0xfeff ? text.slice(1) : text;
  // JSON.parse refuses control characters itself.
  if (/^\s*(?:\[|\{(?!\{))/.test(content)) return parseJson(content, file);
  const control = NOT_TEXT.exec(content);
  if (control !== null) {
    const code = (control[0].codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0');
    throw new InvalidInput(
      `This is not text: it holds the control character U+${code}.`,
      WRITE_AGAIN,
      placeAt(content, control.index, file),
    );
  }
  if (content.length > MAX_YAML) {
    throw new InvalidInput(
      `More than ${MAX_YAML / 1024 / 1024} MB of YAML.`,
      `Dump it as JSON, which is read 50 times faster:\n${dumpCommand('dump.json')}`,
      { file },
    );
  }
  return parseYaml(content, file);
}

function noManifests(parsed: Parsed, file: string): InvalidInput {
  const remedy = `A cluster is given as objects, for instance:\n${dumpCommand('dump.yaml')}`;
  const [first] = parsed.documents;
  if (first === undefined) return new InvalidInput('There is nothing in it.', remedy, { file });
  const fields = fieldsOf(first.value);
  if (fields === null) return new InvalidInput(`This is ${describe(first.value)}, not Kubernetes objects.`, remedy, first.place([]));
  const missing = 'apiVersion' in fields ? 'kind' : 'kind' in fields ? 'apiVersion' : 'apiVersion and kind';
  return new InvalidInput(`This is no Kubernetes object: it has no ${missing}.`, remedy, first.place([]));
}

function cutOffFault({ place, what, before }: CutOff, file: string): InvalidInput {
  const count = before === 1 ? '1 object before it was read' : `${before} objects before it were read`;
  const isJson = file.endsWith('.json') || file.endsWith('.json.gz');
  return new InvalidInput(
    `${what} is cut off here.`,
    `${count}. Write it again:\n${dumpCommand(isJson ? 'dump.json' : 'dump.yaml')}`,
    place,
  );
}

/** A recording of events may end in the middle of one: what is before it is whole. Anything else is refused. */
function reportCutOff(parsed: Parsed, file: string, add: NoticeBook['add']): void {
  const { cutOff, documents } = parsed;
  if (cutOff === null) return;
  const isRecording = documents.every(({ value }) => isEvent(fieldsOf(value) ?? {}));
  if (!isRecording) throw cutOffFault(cutOff, file);
  add('cut off', () => cutOff.place, `The recording ends in the middle of an event: ${documents.length} before it were read.`);
}
