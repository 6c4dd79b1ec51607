/** Answers that take long, for many who ask for the same. */

/** Who asks while the same is being found out gets the same answer, or the same error; who asks afterwards has it found out anew. */
export function whileRunning<K, T>(find: (key: K) => Promise<T>): (key: K) => Promise<T> {
  const running = new Map<K, Promise<T>>();
  return (key) => {
    const known = running.get(key);
    if (known !== undefined) return known;
    const asked = find(key).finally(() => running.delete(key));
    running.set(key, asked);
    return asked;
  };
}
