import { testStore } from './conformance/store.ts';
import { createMemory, createMemoryStore } from './memory-store.ts';

testStore('the store in memory', null, async () => {
  const memory = createMemory();
  return { open: async () => createMemoryStore(memory), remove: async () => {} };
});
