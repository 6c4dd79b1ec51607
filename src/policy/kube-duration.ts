/** The schema format `duration` as the API server checks it (k8s.io/kube-openapi `pkg/validation/strfmt`): Go's own notation, or any number with a unit of time in it. */

const GO = /^[-+]?(?:0|(?:(?:\d+(?:\.\d*)?|\.\d+)(?:ns|us|µs|μs|ms|s|m|h))+)$/;
const UNITS: readonly string[] = ['ns', 'us', 'µs', 'ms', 's', 'm', 'h', 'hr', 'd', 'w', 'wk'];
const LONG_UNITS: readonly string[] = ['nano', 'micro', 'milli', 'sec', 'min', 'hour', 'day', 'week'];

export function isKubeDuration(text: string): boolean {
  if (GO.test(text)) return true;
  let end = 0;
  for (const word of text.matchAll(/[A-Za-zµ]+/g)) {
    const amount = text.slice(end, word.index).trimEnd();
    end = word.index + word[0].length;
    const unit = word[0].toLowerCase();
    if (/\d$/.test(amount) && (UNITS.includes(unit) || LONG_UNITS.some((long) => unit.startsWith(long)))) return true;
  }
  return false;
}
