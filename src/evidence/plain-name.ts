/** Names in commands that a person copies into a shell. */

/** What Kubernetes takes as a name: nothing that a shell or an option parser would take for more. */
const PLAIN = /^[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?$/;

/** The name; one that no object can have is hostile or garbled, and the word in capitals stands for it, as for one that nobody knows. */
export function plainName(name: string | null | undefined, unknown: string): string {
  return name != null && PLAIN.test(name) ? name : unknown;
}
