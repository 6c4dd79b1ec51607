/** What stands in front of a line, of which the outermost says whose it is (what comes after may be the container's own words): `kubectl logs --prefix --timestamps`, stern, CRI files, logcli, colours. */
import type { Instant } from '../policy/resource.ts';
import { POLICY_CONTAINER, PROXY_CONTAINER } from './conventions.ts';
import { createTimestampReader, ownCopy } from './log-text.ts';

/** One line with its envelope taken off. Reused for the next line. */
export interface Envelope {
  text: string;
  /** Where the container's own text begins in `text`. */
  start: number;
  at: Instant | null;
  namespace: string | null;
  pod: string | null;
  container: string | null;
  /** CRI: the line goes on in the next one (`P`), or is whole or the last part (`F`). */
  cri: 'P' | 'F' | null;
}

export interface EnvelopeReader {
  open(line: string): Envelope;
}

const MAX_LAYERS = 6;
const BOM = 0xfeff;
const OPEN_BRACKET = 91;
const OPEN_BRACE = 123;
const CARRIAGE_RETURN = 13;

export function createEnvelopeReader(): EnvelopeReader {
  const timestamps = createTimestampReader();
  const envelope: Envelope = { text: '', start: 0, at: null, namespace: null, pod: null, container: null, cri: null };
  // Lines of one container share their prefix.
  let prefix = { text: 'none yet', pod: '', container: '' };

  function takePrefix(): boolean {
    const { text, start } = envelope;
    if (envelope.container !== null || !text.startsWith('[pod/', start)) return false;
    if (!text.startsWith(prefix.text, start)) {
      const close = text.indexOf('] ', start);
      const parts = close < 0 ? [] : ownCopy(text.slice(start + 1, close)).split('/');
      const [, pod, container] = parts;
      if (parts.length !== 3 || !pod || !container) return false;
      prefix = { text: ownCopy(text.slice(start, close + 2)), pod, container };
    }
    envelope.pod = prefix.pod;
    envelope.container = prefix.container;
    envelope.start = start + prefix.text.length;
    return true;
  }

  function takeTimestamp(): boolean {
    const { text, start } = envelope;
    const end = timestamps.read(text, start);
    if (end < 0 || text[end] !== ' ') return false;
    envelope.at = timestamps.instant;
    envelope.start = end + 1;
    takeCri(envelope);
    return true;
  }

  return {
    open(line) {
      reset(envelope, line);
      for (let layer = 0; layer < MAX_LAYERS; layer++) {
        const code = envelope.text.charCodeAt(envelope.start);
        if (code === OPEN_BRACKET) {
          if (!takePrefix()) break;
        } else if (code >= 48 && code <= 57) {
          if (!takeTimestamp()) break;
        } else if (code === OPEN_BRACE) {
          if (!takeLogcliLabels(envelope)) break;
        } else if (code < 97 || code > 122 || envelope.container !== null || !takeWords(envelope)) break;
      }
      return envelope;
    },
  };
}

function reset(envelope: Envelope, line: string): void {
  let text = line.charCodeAt(0) === BOM ? line.slice(1) : line;
  if (text.charCodeAt(text.length - 1) === CARRIAGE_RETURN) text = text.slice(0, -1);
  envelope.text = text.includes('\u001b') ? stripColours(text) : text;
  envelope.start = 0;
  envelope.at = null;
  envelope.namespace = null;
  envelope.pod = null;
  envelope.container = null;
  envelope.cri = null;
}

/** containerd and CRI-O: `<timestamp> stdout F <line>`. */
function takeCri(envelope: Envelope): void {
  const { text, start } = envelope;
  if (!text.startsWith('stdout ', start) && !text.startsWith('stderr ', start)) return;
  const tag = text.charAt(start + 'stdout '.length);
  const end = text.indexOf(' ', start + 'stdout '.length);
  if ((tag !== 'F' && tag !== 'P') || end < 0) return;
  envelope.cri = tag;
  envelope.start = end + 1;
}

/** logcli's default output: `<timestamp> {container="linkerd-proxy", pod="…"} <line>`. */
function takeLogcliLabels(envelope: Envelope): boolean {
  const { text, start } = envelope;
  const isLabels = envelope.at !== null && envelope.container === null && text.charAt(start + 1) !== '"';
  const close = isLabels ? text.indexOf('} ', start) : -1;
  if (close < 0) return false;
  for (const pair of text.slice(start + 1, close).split(',')) {
    const [key, value] = pair.trim().split('=');
    const name = value?.replaceAll('"', '');
    if (!name) continue;
    if (key === 'namespace') envelope.namespace = name;
    else if (key === 'pod') envelope.pod = name;
    else if (key === 'container') envelope.container = name;
  }
  envelope.start = close + 2;
  while (text[envelope.start] === ' ') envelope.start++;
  return true;
}

/** stern: `POD CONTAINER <line>`, or `NAMESPACE POD CONTAINER <line>`. */
function takeWords(envelope: Envelope): boolean {
  const { text, start } = envelope;
  const words: string[] = [];
  let at = start;
  while (words.length < 3) {
    const end = text.indexOf(' ', at);
    if (end < 0 || end - at > 253) return false;
    const word = text.slice(at, end);
    words.push(word);
    at = end + 1;
    if (words.length >= 2 && (word === PROXY_CONTAINER || word === POLICY_CONTAINER)) {
      envelope.container = word;
      envelope.pod = words.at(-2) ?? null;
      envelope.namespace = words.length === 3 ? (words[0] ?? null) : envelope.namespace;
      envelope.start = at;
      return true;
    }
  }
  return false;
}

/** Takes out what a terminal would not show: `ESC [ … letter`. */
function stripColours(text: string): string {
  let out = '';
  let start = 0;
  for (let i = text.indexOf('\u001b['); i >= 0; i = text.indexOf('\u001b[', start)) {
    let end = i + 2;
    // Parameters and intermediates of a control sequence: 0x20 to 0x3f.
    while (end < text.length && text.charCodeAt(end) >= 0x20 && text.charCodeAt(end) <= 0x3f) end++;
    out += text.slice(start, i);
    start = Math.min(end + 1, text.length);
  }
  return out + text.slice(start);
}
