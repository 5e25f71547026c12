// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { forEachBit, NO_BITS, oneBit, unionBits } from './bits.ts';
import { Reach } from './reach.ts';

describe('reachability that grows and shrinks', () => {
  it('agrees with a search from scratch on random graphs, through undo', () => {
    let seed = 7;
    const random = (n: number): number => {
      seed = (Math.imul(seed, 1103515245) + 12345) & 0x7fffffff;
      return (seed >>> 8) % n;
    };
    for (let round = 0; round < 200; round += 1) {
      const reach = new Reach();
      const edges: [number, number][] = [];
      const marks: { mark: ReturnType<Reach['mark']>; edges: number; nodes: number }[] = [];
      let nodes = 0;
      const reaches = (from: number, to: number): boolean => {
        const open = [from];
        const seen = new Set(open);
        for (let x = open.pop(); x !== undefined; x = open.pop()) for (const [a, b] of edges) if (a === x && !seen.has(b)) {
          if (b === to) return true;
          seen.add(b);
          open.push(b);
        }
        return false;
      };
      for (let step = 0; step < 60; step += 1) {
        const what = random(10);
        if (what < 3 || nodes < 2) {
          const before = nodes === 0 ? NO_BITS : unionBits(oneBit(random(nodes)), oneBit(random(nodes)));
          const node = reach.add(before);
          forEachBit(before, (b) => edges.push([b, node]));
          nodes += 1;
        } else if (what < 8) {
          const [x, y] = [random(nodes), random(nodes)];
          const cycle = x === y || reaches(y, x);
          expect(reach.edge(x, y)).toBe(!cycle);
          if (!cycle) edges.push([x, y]);
        } else if (what === 8) marks.push({ mark: reach.mark(), edges: edges.length, nodes });
        else {
          const last = marks.pop();
          if (last === undefined) continue;
          reach.undo(last.mark);
          edges.length = last.edges;
          nodes = last.nodes;
        }
        for (let i = 0; i < 5 && nodes > 1; i += 1) {
          const [x, y] = [random(nodes), random(nodes)];
          if (x !== y) expect(reach.reaches(x, y)).toBe(reaches(x, y));
        }
      }
    }
  });
});
