/** Values as YAML that Prometheus, promtool, kubectl and the operator read alike. */
import { Document, parse, visit } from 'yaml';

/** What a terminal obeys or a person cannot see. Line ends are at home in a block. */
const NOT_INERT = /(?!\n)[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}\p{Default_Ignorable_Code_Point}]/u;

/**
 * Plain data as one document, read back and compared before anybody gets it. Words that YAML 1.1 takes for something else (`yes`, `1_000`) are quoted:
 * kubectl reads that dialect.
 */
export function written(value: unknown): string {
  const document = new Document(value, { aliasDuplicateObjects: false, compat: 'yaml-1.1' });
  visit(document, {
    Scalar(_, node) {
      if (typeof node.value === 'string' && NOT_INERT.test(node.value)) node.type = 'QUOTE_DOUBLE';
    },
  });
  const text = document.toString({ lineWidth: 0 });
  for (const version of ['1.1', '1.2'] as const)
    if (JSON.stringify(parse(text, { version, merge: false })) !== JSON.stringify(value))
      throw new Error(`YAML ${version} does not read back as it was written`);
  return text;
}
