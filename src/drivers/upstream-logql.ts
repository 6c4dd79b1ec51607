/** The one place where LogQL is written (grafana.com/docs/loki/latest/query/log_queries): names are checked, values quoted. */

/** A stream selector; made by this file only. */
export type Logql = string & { readonly logql: true };

const LABEL_NAME = /^[a-zA-Z_][a-zA-Z0-9_]*$/;

/** `{name="value",…}`, each value taken literally. Loki wants at least one that is not empty. */
export function streamSelector(labels: readonly (readonly [name: string, value: string])[]): Logql {
  if (!labels.some(([, value]) => value !== '')) throw new Error('a selector of every stream is none');
  const matchers = labels.map(([name, value]) => {
    if (!LABEL_NAME.test(name)) throw new Error(`no name of a label: ${quote(name)}`);
    return `${name}=${quote(value)}`;
  });
  return `{${matchers.join(',')}}` as Logql;
}

/** Go's string literal: nothing of the value can end it. What is no Unicode becomes U+FFFD. */
function quote(value: string): string {
  const escaped = value.toWellFormed().replace(/[\\"\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (character) => {
    if (character === '\\' || character === '"') return `\\${character}`;
    const code = character.codePointAt(0) ?? 0;
    return code > 0xffff ? `\\U${code.toString(16).padStart(8, '0')}` : `\\u${code.toString(16).padStart(4, '0')}`;
  });
  return `"${escaped}"`;
}
