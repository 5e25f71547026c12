// SPDX-License-Identifier: Apache-2.0
/** linux/interrupt.h and linux/completion.h. */
import type { Constant, Row } from './row.ts';

const COMPLETION = 'Linux Documentation/scheduler/completion.rst';
const X = 'completion, usually a field of the driver\'s structure: `nic.done`';

function completionRow(row: { name: string; c: string; result?: string; text: string; returns?: string; context: string; host: NonNullable<Row['host']>; differs?: string }): Row {
  const { name } = row;
  return {
    name,
    module: 'linux/completion',
    c: row.c,
    ts: [`(x: ptr<typeof completion>): ${row.result ?? 'void'}`],
    doc: { text: row.text, params: { x: X }, ...(row.returns === undefined ? {} : { returns: row.returns }), context: row.context, source: COMPLETION, differs: row.differs ?? 'none' },
    guest: `function ${name}(x) { const p = k.pointer(x, "${name}: x"); k.latch(p.$hi, 0); ${row.result === 'boolean' ? 'return ' : ''}k.op($code, p.$lo, 0)${row.result === 'boolean' ? ' !== 0' : ''}; }`,
    host: row.host,
  };
}

export const INTERRUPT_ROWS: readonly Row[] = [
  {
    name: 'request_irq',
    module: 'linux/interrupt',
    c: 'int request_irq(unsigned int irq, irq_handler_t handler, unsigned long flags, const char *name, void *dev)',
    ts: ['<P extends ptr<any>>(irq: number, handler: (irq: number, dev: P) => irqreturn_t, flags: number, name: string, dev: P): number'],
    doc: {
      text: 'Installs a handler. From here on it may run before any operation of the CPU that the interrupt goes to, with interrupts off, until `free_irq`.',
      params: {
        irq: 'number from `platform_get_irq`',
        handler: 'a function at the top level of the driver; it gets `irq` and `dev`, and returns `IRQ_HANDLED` or `IRQ_NONE`',
        flags: '0 or `IRQF_SHARED`',
        name: 'what traces call it',
        dev: 'passed to the handler and compared by `free_irq`; a pointer into memory, since nothing else is shared',
      },
      returns: '0; -EINVAL for a number no device has, or for a shared line without `dev`; -EBUSY when it is taken and not shared',
      context: 'process context; may sleep',
      source: 'Linux Documentation/core-api/genericirq.rst; kernel/irq/manage.c',
      differs: 'an interrupt goes to one CPU, which must be the one that asks unless this is probe',
    },
    guest: `function request_irq(irq, handler, flags, name, dev) {
  const index = k.functionIndex(handler, "request_irq"), line = k.u32(irq, "request_irq: irq");
  k.need(typeof name === "string", "request_irq: name must be a string");
  k.need(Number.isInteger(flags), "request_irq: flags must be an integer");
  const p = dev === null ? { $lo: 0, $hi: 0, $type: null } : k.pointer(dev, "request_irq: dev");
  k.latch(p.$lo, p.$hi);
  k.latch(k.typeIndex(p.$type), flags);
  k.text(name);
  return k.op($code, line, index) | 0;
}`,
    host: 'request-irq',
  },
  {
    name: 'free_irq',
    module: 'linux/interrupt',
    c: 'const void *free_irq(unsigned int irq, void *dev_id)',
    ts: ['(irq: number, dev_id: ptr<any> | null): void'],
    doc: {
      text: 'Removes a handler. When it returns the handler runs no more.',
      params: { irq: 'number given to `request_irq`', dev_id: 'pointer given to `request_irq`' },
      context: 'process context; may sleep; never from the handler itself',
      source: 'Linux Documentation/core-api/genericirq.rst; kernel/irq/manage.c',
      differs: 'returns nothing; only for the CPU that the interrupt goes to',
    },
    guest: `function free_irq(irq, dev_id) {
  const p = dev_id === null ? { $lo: 0, $hi: 0 } : k.pointer(dev_id, "free_irq: dev_id");
  k.latch(p.$lo, p.$hi);
  k.op($code, k.u32(irq, "free_irq: irq"), 0);
}`,
    host: 'free-irq',
  },
];

export const COMPLETION_ROWS: readonly Row[] = [
  completionRow({ name: 'init_completion', c: 'void init_completion(struct completion *x)', text: 'Makes a completion ready: nothing done, nobody waiting.', context: 'any; before it is used', host: 'completion-init' }),
  completionRow({ name: 'reinit_completion', c: 'void reinit_completion(struct completion *x)', text: 'Makes a used completion ready again. Do it before the work is started, never while somebody waits.', context: 'any', host: 'completion-init' }),
  completionRow({ name: 'complete', c: 'void complete(struct completion *x)', text: 'Lets one waiter go on. What this CPU did before is seen by the waiter after it wakes.', context: 'any; an interrupt handler may call it', host: 'complete' }),
  completionRow({ name: 'complete_all', c: 'void complete_all(struct completion *x)', text: 'Lets all waiters go on, now and later, until `reinit_completion`.', context: 'any; an interrupt handler may call it', host: 'complete-all' }),
  completionRow({
    name: 'wait_for_completion',
    c: 'void wait_for_completion(struct completion *x)',
    text: 'Sleeps until `complete`. Interrupts are taken meanwhile.',
    context: 'process context; sleeps; never from an interrupt handler',
    host: 'wait-for-completion',
    differs: 'contexts of one CPU run one after another, so another context of the same CPU cannot complete it',
  }),
  completionRow({ name: 'try_wait_for_completion', c: 'bool try_wait_for_completion(struct completion *x)', result: 'boolean', text: 'Takes one completion if there is one, and does not wait.', returns: 'true when it took one', context: 'any; does not sleep', host: 'try-wait' }),
  completionRow({ name: 'completion_done', c: 'bool completion_done(struct completion *x)', result: 'boolean', text: 'Says whether a waiter would go straight on.', returns: 'true when it would', context: 'any; does not sleep', host: 'completion-done' }),
];

export const INTERRUPT_CONSTANTS: readonly Constant[] = [
  { name: 'IRQ_NONE', module: 'linux/interrupt', value: 0, type: 'irqreturn_t', doc: 'The interrupt was not from this device.' },
  { name: 'IRQ_HANDLED', module: 'linux/interrupt', value: 1, type: 'irqreturn_t', doc: 'The interrupt was from this device and has been handled.' },
  { name: 'IRQF_SHARED', module: 'linux/interrupt', value: 0x80, doc: 'Several handlers may share the line.' },
];
