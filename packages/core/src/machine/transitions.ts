// SPDX-License-Identifier: Apache-2.0
/** What can happen next, in the order in which it is offered: agents, held stores, held posts, then cache lines. */
import type { AgentRun } from './agent-run.ts';
import type { Memory } from './memory-system.ts';
import type { LineFreedom } from './options.ts';

export interface Transition {
  /** The agent that goes on; `null`: memory does something by itself. */
  readonly agent: AgentRun | null;
  readonly happen: () => void;
  readonly label: () => string;
}

export class Transitions {
  readonly #runs: readonly AgentRun[];
  readonly #memory: Memory;
  readonly #lines: LineFreedom;

  constructor(runs: readonly AgentRun[], memory: Memory, lines: LineFreedom) {
    this.#runs = runs;
    this.#memory = memory;
    this.#lines = memory.cached === null ? 'none' : lines;
  }

  /**
   * @param running who would go on by itself and is left out; `null` when nobody runs
   * @param last    agents are offered from the one after it, in declaration order; absent: from the first
   */
  open(running: AgentRun | null, last?: AgentRun): Transition[] {
    const found: Transition[] = [];
    const count = this.#runs.length;
    const start = last === undefined ? 0 : last.memory.index + 1;
    for (let i = 0; i < count; i += 1) {
      const run = this.#runs[(start + i) % count];
      if (run === undefined || run === running || run.status === 'done') continue;
      if (run.status === 'blocked' && run.wait?.can() !== true) continue;
      found.push({ agent: run, happen: () => undefined, label: () => `${run.id} goes on` });
    }
    const agents = found.length > 0 || running !== null;
    for (const store of this.#memory.heldStores()) found.push({ agent: null, happen: () => this.#memory.release(store), label: () => this.#memory.describe(store) });
    for (const post of this.#memory.heldPosts()) found.push({ agent: null, happen: () => this.#memory.releasePost(post), label: () => `${post.key} arrives at ${post.store.owner}` });
    // Lines move at any time; but when nothing else is left nobody would see it.
    if (agents && this.#lines !== 'none') this.#addLines(found);
    return found;
  }

  #addLines(found: Transition[]): void {
    const memory = this.#memory;
    const lines = memory.cached?.lines;
    if (lines === undefined) return;
    const known = [...new Set([...memory.usedLines, ...memory.sharedLines])].sort((a, b) => a - b);
    for (const line of known) {
      const state = lines.state(line);
      const shared = memory.sharedLines.has(line);
      if (this.#lines === 'shared' && !shared) continue;
      const name = `0x${line.toString(16)}`;
      if (state === 'absent') {
        // Only a line that a CPU has used or may want is worth fetching.
        if (this.#lines === 'all' || memory.usedLines.has(line)) found.push({ agent: null, happen: () => memory.fill(line, 'prefetch'), label: () => `line ${name} is prefetched` });
      } else if (state === 'dirty' || this.#lines === 'all') {
        found.push({ agent: null, happen: () => memory.evict(line), label: () => `line ${name} is evicted` });
      }
    }
  }
}
