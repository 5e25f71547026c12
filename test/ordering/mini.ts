// SPDX-License-Identifier: Apache-2.0
/**
 * Small programs as text, for tests that state or compare complete outcome sets.
 * One line an agent: `cpu0: st x 1; fence dmb.st; out dev.16 1`. Ids that do not
 * start with `cpu` are devices. `st.2 x+2 7` stores two bytes; `dev.16` is a register,
 * `dev!0` an interrupt line. Words after an instruction: an access order, or
 * `addr:r` for an address computed from register r, `lines:0,1` for the interrupt lines let through. A value may be a register: a data dependency.
 */
import type { AccessOrder, Agent, Op, Place, Port, Size, Value } from '@dmalab/core/base/port';

export interface Mini {
  readonly agents: readonly MiniAgent[];
  /** Where interrupts of devices go; vector n is number n. */
  readonly routes: readonly { readonly device: string; readonly vector: number; readonly cpu: string; readonly number: number; readonly kind?: 'msi' | 'intx' }[];
  /** RAM bytes and registers that any agent writes. */
  readonly written: readonly Place[];
  readonly accessed: readonly Place[];
}
export interface MiniAgent extends Agent {
  /** Of its last run. */
  readonly registers: ReadonlyMap<string, Value>;
}

const ORDERS: readonly string[] = ['plain', 'relaxed', 'acquire', 'acquirePC', 'release', 'releasePC', 'acq_rel', 'full', 'streaming'];

type Step = (port: Port, env: Env) => void;
interface Env {
  readonly values: Map<string, Value>;
  /** Ordinal of the operation that gave a register its value. */
  readonly from: Map<string, number>;
}

/** @throws SyntaxError for a program that is not one */
export function mini(text: string, interrupt: 'msi' | 'intx' = 'msi'): Mini {
  const written: Place[] = [];
  const accessed: Place[] = [];
  const routes: { device: string; vector: number; cpu: string; number: number; kind: 'msi' | 'intx' }[] = [];
  const agents = text.split('\n').map((l) => l.trim()).filter((l) => l !== '').map((line): MiniAgent => {
    const [id = '', code = ''] = line.split(/:(.*)/s);
    const cpu = id.startsWith('cpu');
    const steps = code.split(';').map((s) => s.trim()).filter((s) => s !== '').map((s) => instruction(s, accessed, (place) => {
      if (!written.some((w) => w.space === place.space && w.owner === place.owner && w.address === place.address && w.size === place.size)) written.push(place);
    }));
    const env: Env = { values: new Map(), from: new Map() };
    return {
      id,
      kind: cpu ? 'cpu' : 'device',
      registers: env.values,
      run(port) {
        env.values.clear();
        env.from.clear();
        for (const step of steps) step(port, env);
      },
    };
  });
  const firstCpu = agents.find((a) => a.kind === 'cpu')?.id ?? '';
  for (const place of written) if (place.space === 'irq') routes.push({ device: place.owner, vector: place.address, cpu: firstCpu, number: place.address, kind: interrupt });
  return { agents, routes, written: written.filter((w) => w.space !== 'irq'), accessed };
}

function placeOf(word: string, size: Size, uncached: boolean): Place {
  const irq = /^([a-z]+)!(\d+)$/.exec(word);
  if (irq !== null) return { space: 'irq', owner: irq[1] ?? '', address: Number(irq[2]), size: 4 };
  const register = /^([a-z]+)\.(\d+)$/.exec(word);
  if (register !== null) return { space: 'mmio', owner: register[1] ?? '', address: Number(register[2]), size };
  const ram = /^([a-z])(?:\+(\d+))?$/.exec(word);
  if (ram === null) throw new SyntaxError(`"${word}" is no place`);
  return { space: 'ram', owner: '', address: 0x1000 + 0x100 * ((ram[1] ?? 'a').charCodeAt(0) - 97) + Number(ram[2] ?? 0), size, ...(uncached ? { uncached } : {}) };
}

function instruction(text: string, accessed: Place[], writes: (place: Place) => void): Step {
  const words = text.split(/\s+/);
  const [verb = '', sizeText] = (words[0] ?? '').split('.');
  const size = Number(sizeText ?? 4) as Size; // the table of sizes is the grammar's
  const order = (words.find((w) => ORDERS.includes(w)) ?? 'relaxed') as AccessOrder;
  const address = words.find((w) => w.startsWith('addr:'))?.slice(5);
  const picked = words.find((w) => w.startsWith('addrpick:'))?.slice(9);
  const dataPicked = words.find((w) => w.startsWith('datapick:'))?.slice(9);
  const uncached = words.includes('uncached');
  const through = words.find((w) => w.startsWith('lines:'))?.slice(6);
  const lines = through === undefined ? {} : { lines: through.split(',').filter((n) => n !== '').map(Number) };
  const args = words.slice(1).filter((w) => !ORDERS.includes(w) && !w.includes(':') && w !== 'uncached');
  const at = (i: number): string => args[i] ?? '';
  const place = (): Place => {
    const found = placeOf(at(0), size, uncached);
    accessed.push(found);
    return found;
  };
  const literal = (word: string): Value => (size === 8 ? BigInt(word) : Number(word));
  const isNumber = (word: string): boolean => /^(0x)?[0-9a-f]+$/i.test(word) && /^\d/.test(word);
  const value = (env: Env, word: string): Value => (isNumber(word) ? literal(word) : narrow(env.values.get(word) ?? 0, size));
  const dataDep = (env: Env, word: string): { dataDep?: number } => (isNumber(word) ? {} : { dataDep: env.from.get(word) ?? 0 });
  const operands = (env: Env): { addressDep?: number; addressPick?: number } => ({ ...(address === undefined ? {} : { addressDep: env.from.get(address) ?? 0 }), ...(picked === undefined ? {} : { addressPick: env.from.get(picked) ?? 0 }) });
  const dataPick = (env: Env): { dataPick?: number } => (dataPicked === undefined ? {} : { dataPick: env.from.get(dataPicked) ?? 0 });
  const into = (env: Env, port: Port, register: string, answer: Value): void => {
    env.values.set(register, answer);
    env.from.set(register, port.ordinal);
  };
  const rmw = (r: string, modify: (env: Env, old: Value) => Value | undefined, more: Partial<Extract<Op, { kind: 'rmw' }>> = {}, data = ''): Step => {
    const where = place();
    writes(where);
    return (port, env) => {
      const old = port.op({ kind: 'rmw', place: where, order, modify: (v) => modify(env, v), name: at(0), ...operands(env), ...dataPick(env), ...(data === '' ? {} : dataDep(env, data)), ...more });
      if (r !== '') into(env, port, r, old);
    };
  };
  switch (verb) {
    case 'st': case 'out': case 'msi': {
      const where = place();
      writes(where);
      return (port, env) => void port.op({ kind: 'store', place: where, value: verb === 'msi' ? 1 : value(env, at(1)), order, name: at(0), ...operands(env), ...dataPick(env), ...(verb === 'msi' ? {} : dataDep(env, at(1))) });
    }
    case 'ld': case 'in': case 'ldx': {
      const where = place();
      return (port, env) => into(env, port, at(1), port.op({ kind: 'load', place: where, order, name: at(0), ...(verb === 'ldx' ? { exclusive: true } : {}), ...operands(env) }));
    }
    case 'stx': {
      const where = place();
      writes(where);
      return (port, env) => into(env, port, at(2), port.op({ kind: 'store', place: where, value: value(env, at(1)), order, exclusive: true, name: at(0), ...operands(env), ...dataDep(env, at(1)), ...dataPick(env) }));
    }
    case 'bell': case 'poll': {
      const where = place();
      return (port, env) => void port.op({ kind: 'await', place: where, order, until: (v) => v === value(env, at(1)), name: at(0), ...(verb === 'bell' ? { next: true } : {}) });
    }
    case 'swp': return rmw(at(2), (env) => value(env, at(1)), {}, at(1));
    case 'add': return rmw(at(2), (env, old) => sum(old, value(env, at(1)), size), { fromOld: true }, at(1));
    case 'stadd': return rmw('', (env, old) => sum(old, value(env, at(1)), size), { fromOld: true, discard: true }, at(1));
    case 'cas': return rmw(at(3), (env, old) => (old === value(env, at(1)) ? value(env, at(2)) : undefined), { compares: true }, at(2));
    case 'fence': return (port) => void port.op({ kind: 'fence', fence: words.slice(1).join(' ') });
    case 'br': return (port, env) => void port.op({ kind: 'branch', dep: env.from.get(at(0)) ?? 0 });
    case 'brpick': return (port, env) => void port.op({ kind: 'branch', dep: 0, pick: env.from.get(at(0)) ?? 0 });
    case 'clean': case 'inval': case 'flush': {
      const operation = verb === 'clean' ? 'clean' : verb === 'inval' ? 'invalidate' : 'clean+invalidate';
      const where = place();
      return (port) => void port.op({ kind: 'maintain', operation, line: where.address - (where.address % 64) });
    }
    case 'irq': return (port, env) => into(env, port, at(0), port.op({ kind: 'interrupt', ...lines }));
    case 'idle': return (port, env) => into(env, port, at(0), port.op({ kind: 'idle', ...lines }));
    default: throw new SyntaxError(`"${text}" is no instruction`);
  }
}

const narrow = (value: Value, size: Size): Value => (size === 8 ? BigInt.asUintN(64, BigInt(value)) : Number(BigInt.asUintN(8 * size, BigInt(value))));
const sum = (a: Value, b: Value, size: Size): Value => narrow(BigInt(a) + BigInt(b), size);

/** One outcome as text: `cpu0.a=1 cpu1.b=0 [x]=2`. */
export function outcomeOf(program: Mini, registers: (agent: number) => ReadonlyMap<string, Value>, final: ((place: Place) => Value) | null): string {
  const parts = program.agents.flatMap((agent, i) => [...registers(i)].map(([name, value]) => `${agent.id}.${name}=${value}`));
  if (final !== null) for (const place of program.written) if (place.space === 'ram') parts.push(`[${place.address.toString(16)}/${place.size}]=${final(place)}`);
  return parts.join(' ');
}
