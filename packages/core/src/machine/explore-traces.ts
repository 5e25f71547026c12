// SPDX-License-Identifier: Apache-2.0
/**
 * Every execution of a small program on the operational machine, without those
 * that differ only in the order of steps which do not influence each other:
 * depth-first search with sleep sets (Godefroid, "Partial-Order Methods for the
 * Verification of Concurrent Systems", 1996, chapter 5).
 *
 * Every store is held, and goes when a step picks it: "at once" is held and
 * then picked next. A step that nobody else notices goes first, alone. A read
 * made late may still find what was there before, so a write that was tried
 * before it need not be tried after it; the other way round it does.
 */
import type { Choice, Effect, StepOption, Strategy } from '../base/choice.ts';
import { Abandon } from '../base/port.ts';

interface Step {
  /** Which transition of the machine: stable along a path. */
  readonly id: string;
  readonly effect: Effect;
  readonly answer: number;
}

type Asleep = readonly Step[];

interface StepNode {
  readonly kind: 'step';
  /** Tried one after another. */
  readonly steps: readonly Step[];
  readonly asleep: Asleep;
  at: number;
}
interface AnswerNode {
  readonly kind: 'answer';
  readonly width: number;
  at: number;
}

/** Why a run ends early: everything from here on was seen in another order. */
const SEEN = 'seen in another order';

export class EveryTrace implements Strategy {
  readonly looksAhead = true;
  readonly #path: (StepNode | AnswerNode)[] = [];
  #depth = 0;
  #asleep: Asleep = [];

  /** @throws Abandon where going on shows nothing new */
  pick(choice: Choice): number {
    // Held here; a step lets it go.
    if (choice.kind === 'drain' || choice.kind === 'deliver') return 1;
    const about = choice.kind === 'step' ? choice.about?.() : undefined;
    if (about?.kind !== 'step') return this.#answer(choice.width);
    const known = this.#path[this.#depth];
    const node = known?.kind === 'step' ? known : this.#open(about.options);
    this.#depth += 1;
    const step = node.steps[node.at];
    if (step === undefined) throw new Abandon(SEEN);
    this.#asleep = [...node.asleep, ...node.steps.slice(0, node.at)].filter((other) => other.id !== step.id && !influences(step.effect, other.effect));
    return step.answer;
  }

  advance(): boolean {
    this.#depth = 0;
    this.#asleep = [];
    for (let last = this.#path.at(-1); last !== undefined; last = this.#path.at(-1)) {
      last.at += 1;
      if (last.at < (last.kind === 'step' ? last.steps.length : last.width)) return true;
      this.#path.pop();
    }
    return false;
  }

  #answer(width: number): number {
    let node = this.#path[this.#depth];
    if (node === undefined) this.#path.push((node = { kind: 'answer', width, at: 0 }));
    this.#depth += 1;
    return node.at;
  }

  #open(options: readonly StepOption[]): StepNode {
    const all = options.map(stepOf);
    const awake = all.filter((step) => !this.#asleep.some((other) => other.id === step.id));
    const alone = awake.find((step) => step.effect.kind === 'none');
    // Writes first, so that the reads that follow them find them asleep.
    const steps = alone === undefined ? awake.sort((x, y) => RANK[x.effect.kind] - RANK[y.effect.kind] || x.answer - y.answer) : [alone];
    const node: StepNode = { kind: 'step', steps, asleep: this.#asleep, at: 0 };
    this.#path.push(node);
    return node;
  }
}

const RANK: Readonly<Record<Effect['kind'], number>> = { none: 0, write: 1, poll: 2, read: 3 };
const ANYTHING: Effect = { kind: 'write' };

function stepOf(option: StepOption, answer: number): Step {
  switch (option.kind) {
    case 'agent':
      return { id: option.next === null ? option.agent : `${option.agent} ${option.next.op}`, effect: option.next?.effect ?? ANYTHING, answer };
    case 'store':
    case 'post':
      return { id: `${option.kind} ${option.store.agent} ${option.store.number} ${option.cpusOnly === true ? 'cpus' : 'all'}`, effect: option.effect, answer };
    case 'line':
      return { id: `line ${answer}`, effect: ANYTHING, answer };
  }
}

/** Whether a step that is made changes what another one, made after it and not before, does. */
function influences(made: Effect, other: Effect): boolean {
  if (made.kind === 'none' || made.kind === 'read' || other.kind === 'none') return false;
  if (made.kind === 'poll') return other.kind === 'write' && meet(made, other);
  return other.kind === 'write' || meet(made, other);
}

function meet({ place: x }: Effect, { place: y }: Effect): boolean {
  return x === undefined || y === undefined || (x.space === y.space && x.owner === y.owner && x.address < y.address + y.size && y.address < x.address + x.size);
}
