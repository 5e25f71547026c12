// SPDX-License-Identifier: Apache-2.0
/** linux/device.h, linux/platform_device.h and linux/printk.h. */
import type { Row } from './row.ts';

const MODEL = 'Linux Documentation/driver-api/driver-model/driver.rst';
const PRINTK = 'Linux Documentation/core-api/printk-basics.rst';

export const DEVICE_ROWS: readonly Row[] = [
  {
    name: 'dev_set_drvdata',
    module: 'linux/device',
    c: 'void dev_set_drvdata(struct device *dev, void *data)',
    ts: ['(dev: device, data: ptr<any> | null): void'],
    doc: {
      text: 'Hangs the driver\'s own structure on the device. Workloads pass it to driver functions as `drvdata`.',
      params: { dev: 'the device', data: 'pointer into memory: `kzalloc`, never a JavaScript object' },
      context: 'probe',
      source: MODEL,
      differs: 'the other CPUs see it only when probe has set it',
    },
    guest: `function dev_set_drvdata(dev, data) {
  const p = data === null ? { $lo: 0, $hi: 0, $type: null } : k.pointer(data, "dev_set_drvdata: data");
  k.latch(k.deviceIndex(dev, "dev_set_drvdata"), k.typeIndex(p.$type));
  k.op($code, p.$lo, p.$hi);
}`,
    host: 'set-drvdata',
  },
  {
    name: 'dev_get_drvdata',
    module: 'linux/device',
    c: 'void *dev_get_drvdata(const struct device *dev)',
    ts: ['<P extends ptr<any>>(dev: device): P'],
    doc: { text: 'Returns what `dev_set_drvdata` stored.', params: { dev: 'the device' }, returns: 'the pointer, with the structure it had', context: 'any', source: MODEL, differs: 'null when nothing was stored, though the type does not say so (as in C)' },
    guest: `function dev_get_drvdata(dev) { const low = k.op($code, k.deviceIndex(dev, "dev_get_drvdata"), 0); return k.typedPointer(k.result(2), k.result(1), low); }`,
    host: 'get-drvdata',
  },
  {
    name: 'dev_name',
    module: 'linux/device',
    c: 'const char *dev_name(const struct device *dev)',
    ts: ['(dev: device): string'],
    doc: { text: 'Returns the name of a device, as in messages: `nic0`.', params: { dev: 'the device' }, returns: 'the name', context: 'any', source: MODEL, differs: 'none' },
    guest: `function dev_name(dev) {
  const index = k.deviceIndex(dev, "dev_name");
  let name = "";
  for (let at = 0; at < 64; at += 1) { const c = k.op($code, index, at); if (c === 0) break; name += k.character(c); }
  return name;
}`,
    host: 'device-name',
  },
];

export const PLATFORM_ROWS: readonly Row[] = [
  {
    name: 'devm_platform_ioremap_resource',
    module: 'linux/platform_device',
    c: 'void __iomem *devm_platform_ioremap_resource(struct platform_device *pdev, unsigned int index)',
    ts: ['(dev: device, index: number): iomem'],
    doc: {
      text: 'Maps the registers of a device. Add a register\'s offset in bytes to what it returns, and use readl and writel: it is not memory.',
      params: { dev: 'the device', index: 'which window; 0 is the only one' },
      returns: 'where the registers begin',
      context: 'probe',
      source: 'Linux drivers/base/platform.c',
      differs: 'takes the device, since this machine has one bus; throws where Linux returns ERR_PTR(-EINVAL), for an index other than 0',
    },
    guest: `function devm_platform_ioremap_resource(dev, index) {
  const low = k.op($code, k.deviceIndex(dev, "devm_platform_ioremap_resource"), k.u32(index, "devm_platform_ioremap_resource: index"));
  k.need(low !== 0, "devm_platform_ioremap_resource: the device has one window, index 0");
  return low;
}`,
    host: 'ioremap',
  },
  {
    name: 'platform_get_irq',
    module: 'linux/platform_device',
    c: 'int platform_get_irq(struct platform_device *dev, unsigned int num)',
    ts: ['(dev: device, num: number): number'],
    doc: { text: 'Returns the number of one of the device\'s interrupts, for `request_irq`.', params: { dev: 'the device', num: 'which of its interrupts, from 0' }, returns: 'a number above 0; -ENXIO when the device has no such interrupt', context: 'probe', source: 'Linux drivers/base/platform.c', differs: 'takes the device, since this machine has one bus' },
    guest: `function platform_get_irq(dev, num) { return k.op($code, k.deviceIndex(dev, "platform_get_irq"), k.u32(num, "platform_get_irq: num")) | 0; }`,
    host: 'get-irq',
  },
];

const FORMAT = 'text, with `%d %u %x %#x %08x %llx %s %c %p %%` and their lengths for the arguments that follow, or a template string';
const LIMITS = 'at most 1024 characters a message';

function printer(name: string, level: number): Row {
  return {
    name,
    module: 'linux/printk',
    c: `${name}(const char *fmt, ...)`,
    ts: ['(fmt: string, ...args: readonly printk_argument[]): void'],
    doc: { text: level === 6 ? 'Prints a line on the console, as information.' : level === 7 ? 'Prints a line on the console, for debugging.' : level === 4 ? 'Prints a line on the console, as a warning.' : 'Prints a line on the console, as an error.', params: { fmt: FORMAT, args: 'what the format asks for' }, context: 'any', source: PRINTK, differs: LIMITS },
    guest: `function ${name}(fmt, ...args) { k.text(k.format(fmt, args)); k.op($code, ${level}, 0); }`,
    host: 'log',
  };
}

function devicePrinter(name: string, level: number): Row {
  return {
    name,
    module: 'linux/printk',
    c: `${name}(const struct device *dev, const char *fmt, ...)`,
    ts: ['(dev: device, fmt: string, ...args: readonly printk_argument[]): void'],
    doc: { text: `As pr_${name.slice(4)}, with the device's name in front.`, params: { dev: 'the device', fmt: FORMAT, args: 'what the format asks for' }, context: 'any', source: PRINTK, differs: `${LIMITS}; it lives in linux/dev_printk.h on Linux` },
    guest: `function ${name}(dev, fmt, ...args) { const index = k.deviceIndex(dev, "${name}"); k.text(k.format(fmt, args)); k.op($code, ${level}, index + 1); }`,
    host: 'log',
  };
}

export const PRINTK_ROWS: readonly Row[] = [
  {
    name: 'printk',
    module: 'linux/printk',
    c: 'int printk(const char *fmt, ...)',
    ts: ['(fmt: string, ...args: readonly printk_argument[]): void'],
    doc: { text: 'Prints a line on the console, as information. Prefer `dev_err` and its siblings, which say who speaks.', params: { fmt: FORMAT, args: 'what the format asks for' }, context: 'any', source: PRINTK, differs: `returns nothing; ${LIMITS}; no KERN_ levels, use pr_err and its siblings` },
    guest: `function printk(fmt, ...args) { k.text(k.format(fmt, args)); k.op($code, 6, 0); }`,
    host: 'log',
  },
  printer('pr_err', 3),
  printer('pr_warn', 4),
  printer('pr_info', 6),
  printer('pr_debug', 7),
  devicePrinter('dev_err', 3),
  devicePrinter('dev_warn', 4),
  devicePrinter('dev_info', 6),
  devicePrinter('dev_dbg', 7),
];
