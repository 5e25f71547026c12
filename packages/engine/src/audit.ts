// SPDX-License-Identifier: Apache-2.0
/**
 * Whether a led execution really was the one it was to be. A question with one
 * answer is not asked, so a guide cannot see every wrong turn; the answers that
 * agents got can. Without this, `complete` would rest on trust.
 */
import type { Agent, Op, Port, Value } from '@dmalab/core/base/port';

/** By agent id: what each operation is to be answered; `null` for one that waits for ever. */
export type Expected = ReadonlyMap<string, readonly (Value | null)[]>;

/** An agent whose answers are kept. They start anew whenever the agent is run again from its start. */
class Listened implements Agent {
  readonly id: string;
  readonly kind: Agent['kind'];
  readonly #agent: Agent;
  answers: Value[] = [];

  constructor(agent: Agent) {
    this.id = agent.id;
    this.kind = agent.kind;
    this.#agent = agent;
  }

  run(port: Port): void {
    const answers: Value[] = [];
    this.answers = answers;
    this.#agent.run({
      op(op: Op): Value {
        const answer = port.op(op);
        answers.push(answer);
        return answer;
      },
      get ordinal() {
        return port.ordinal;
      },
      note: port.note,
    });
  }
}

export class Audit {
  readonly #expected: Expected;
  readonly #agents: Listened[] = [];

  constructor(expected: Expected) {
    this.#expected = expected;
  }

  listen(agents: readonly Agent[]): readonly Agent[] {
    this.#agents.push(...agents.map((agent) => new Listened(agent)));
    return this.#agents;
  }

  /** The first operation that was answered otherwise, in words; '' when all agree. */
  difference(): string {
    for (const { id, answers } of this.#agents) {
      const expected = (this.#expected.get(id) ?? []).filter((answer): answer is Value => answer !== null);
      const at = answers.findIndex((answer, i) => answer !== expected[i]);
      if (at >= 0) return `operation ${at + 1} of ${id} was answered ${String(answers[at])} instead of ${String(expected[at] ?? 'nothing')}`;
      if (answers.length < expected.length) return `${id} stopped after ${answers.length} of ${expected.length} operations`;
    }
    return '';
  }
}
