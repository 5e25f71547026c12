// SPDX-License-Identifier: Apache-2.0
/** The four walks. Each field of a node is an access of its own, made when it is needed: what lies between two of them may change. */
import type { DmaFault, DmaPort } from '../../pcie/dma-port.ts';
import { nodeLayout, WalkerNode } from './structures.ts';
import type { WalkerError } from './registers.ts';

export interface WalkRequest {
  readonly kind: 'listSum' | 'bstFind' | 'hashChain' | 'graphCount' | 'reserved';
  readonly root: bigint;
  readonly key: bigint;
  readonly buckets: number;
  readonly limit: number;
  readonly words32: boolean;
  readonly bigEndian: boolean;
  readonly blocks: boolean;
  /** Asked before every node. */
  readonly isCancelled: () => boolean;
}
export interface WalkOutcome {
  readonly error: WalkerError;
  readonly result: bigint;
  readonly faultAddress: bigint;
  readonly steps: number;
}
type Field = keyof typeof WalkerNode.fields;

/** Ends a walk from wherever it is; caught where the walk began. */
class Stopped extends Error {
  override readonly name = 'Stopped';
  readonly error: WalkerError;
  readonly address: bigint;
  constructor(error: WalkerError, address: bigint) {
    super(error);
    this.error = error;
    this.address = address;
  }
}

export function walk(dma: DmaPort, request: WalkRequest): WalkOutcome {
  const nodes = new Nodes(dma, request);
  try {
    const result = findResult(nodes, request);
    return { error: result === null ? 'notFound' : 'ok', result: result ?? 0n, faultAddress: 0n, steps: nodes.steps };
  } catch (error) {
    if (!(error instanceof Stopped)) throw error;
    return { error: error.error, result: 0n, faultAddress: error.address, steps: nodes.steps };
  }
}

function findResult(nodes: Nodes, { kind, root, key, buckets }: WalkRequest): bigint | null {
  switch (kind) {
    case 'listSum': {
      let sum = 0n;
      for (let at = root; at !== 0n; at = nodes.field(at, 'right')) {
        nodes.visit(at);
        sum = BigInt.asUintN(64, sum + nodes.field(at, 'payload'));
      }
      return sum;
    }
    case 'bstFind':
      for (let at = root; at !== 0n; ) {
        nodes.visit(at);
        const here = nodes.field(at, 'key');
        if (here === key) return nodes.field(at, 'payload');
        at = nodes.field(at, key < here ? 'left' : 'right');
      }
      return null;
    case 'hashChain': {
      if (buckets < 1 || buckets > 0x1_0000 || (buckets & (buckets - 1)) !== 0) throw new Stopped('badOperation', 0n);
      const bucket = Number(key % BigInt(buckets));
      for (let at = nodes.pointer(root, bucket); at !== 0n; at = nodes.field(at, 'right')) {
        nodes.visit(at);
        if (nodes.field(at, 'key') === key) return nodes.field(at, 'payload');
      }
      return null;
    }
    case 'graphCount': {
      const seen = new Set<bigint>();
      const open = [root];
      for (let at = open.pop(); at !== undefined; at = open.pop()) {
        if (at === 0n || seen.has(at)) continue;
        nodes.visit(at);
        seen.add(at);
        open.push(nodes.field(at, 'right'), nodes.field(at, 'left'));
      }
      return BigInt(seen.size);
    }
    case 'reserved':
      throw new Stopped('badOperation', 0n);
  }
}

class Nodes {
  readonly #dma: DmaPort;
  readonly #request: WalkRequest;
  readonly #size: 4 | 8;
  readonly #layout: ReturnType<typeof nodeLayout>;
  steps = 0;

  constructor(dma: DmaPort, request: WalkRequest) {
    this.#dma = dma;
    this.#request = request;
    this.#size = request.words32 ? 4 : 8;
    this.#layout = nodeLayout(request.words32, request.bigEndian);
  }

  visit(at: bigint): void {
    if (this.#request.isCancelled()) throw new Stopped('cancelled', at);
    if (this.steps >= this.#request.limit) throw new Stopped('tooManySteps', at);
    this.steps += 1;
  }

  field(at: bigint, field: Field): bigint {
    return this.#word(at + BigInt(this.#layout.place(field).offset), `node.${field}`);
  }

  pointer(array: bigint, index: number): bigint {
    return this.#word(array + BigInt(this.#size * index), `bucket[${index}]`);
  }

  #word(at: bigint, name: string): bigint {
    if (at % BigInt(this.#size) !== 0n) throw new Stopped('misaligned', at);
    // A pointer is what publishes a node, hence a flag and no data.
    const { value, fault } = this.#dma.tryLoad(at, this.#size, name, name === 'node.key' || name === 'node.payload' ? 'data' : 'flag');
    if (fault !== null) throw new Stopped(this.#errorOf(fault), fault.address);
    const raw = BigInt(value ?? 0);
    return this.#request.bigEndian ? swapped(raw, this.#size) : raw;
  }

  #errorOf({ status }: DmaFault): WalkerError {
    if (status !== 'page') return 'refused';
    return this.#request.blocks ? 'pageRefused' : 'pageFault';
  }
}

function swapped(raw: bigint, size: number): bigint {
  let out = 0n;
  for (let i = 0; i < size; i += 1) out = (out << 8n) | ((raw >> BigInt(8 * i)) & 0xffn);
  return out;
}
