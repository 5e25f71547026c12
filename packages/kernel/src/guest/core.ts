// SPDX-License-Identifier: Apache-2.0
/**
 * The guest half of the kernel, as JavaScript text: typed views of simulated
 * memory, checks of arguments, and the one door `op`. It runs in the sandbox
 * beside the student's code and is trusted with nothing; it is here so that a
 * mistake is an error at the student's line instead of a wrong number.
 *
 * A pointer is { $type, $hi, $lo, $dep }: two halves of a kernel virtual
 * address, and the number of the load it came from (0: none).
 */
import { ARGUMENT, DEP_SHIFT, DEVICE_BASE, DIRECT_HIGH, IOMEM_BASE, MAX_DEVICES, MAX_TEXT, SIZE_SHIFT, UNCACHED_FLAG, UNCACHED_HIGH } from '../abi.ts';

export interface CoreOptions {
  readonly endian: 'little' | 'big';
  /** `const NAME = code;` lines for the private ops. */
  readonly codes: string;
}

export function coreSource({ endian, codes }: CoreOptions): string {
  return `import { op } from "sandbox:op";
export { op };
${codes}
const BIG = ${endian === 'big'};
export const DIRECT = ${DIRECT_HIGH};
const UNCACHED = ${UNCACHED_HIGH};

// ---- errors: the student's line is on top of the stack ----
export function need(condition, message) { if (!condition) throw new TypeError(message); }
function show(value) {
  if (typeof value === "bigint") return value + "n";
  if (typeof value === "string") return JSON.stringify(value.slice(0, 40));
  if (typeof value === "function") return "a function";
  if (value === null || typeof value !== "object") return String(value);
  return value.$type === undefined ? "an object" : "a pointer to " + nameOf(value.$type);
}
const nameOf = (type) => type === null ? "void" : type.name;

// ---- numbers ----
export function u32(value, what) {
  need(typeof value === "number" && Number.isInteger(value) && value >= -0x80000000 && value <= 0xffffffff, what + ": expected a 32-bit number, got " + show(value));
  return value >>> 0;
}
export function byte(value, what) { need(Number.isInteger(value) && value >= -128 && value <= 255, what + ": expected a byte, got " + show(value)); return value & 255; }
export function size(value, what) { need(Number.isInteger(value) && value >= 0 && value <= 0x7fffffff, what + ": expected a size in bytes, got " + show(value)); return value; }
export const size0 = size;
export function product(n, each, what) { return size(size(n, what) * size(each, what), what); }
export function flags(value, what) { need(Number.isInteger(value), what + ": expected GFP_KERNEL or GFP_ATOMIC, got " + show(value)); }
export function direction(value, what) { need(value === 0 || value === 1 || value === 2, what + ": expected DMA_TO_DEVICE, DMA_FROM_DEVICE or DMA_BIDIRECTIONAL, got " + show(value)); return value; }
export function wideValue(value, what) {
  need(typeof value === "bigint", what + ": expected a 64-bit value (a bigint), got " + show(value));
  need(value >= -0x8000000000000000n && value <= 0xffffffffffffffffn, what + ": " + show(value) + " does not fit in 64 bits");
  return value;
}
export const lowHalf = (value) => Number(value & 0xffffffffn);
export const highHalf = (value) => Number((value >> 32n) & 0xffffffffn);
export const join = (high, low) => (BigInt(high) << 32n) | BigInt(low);
export const isPower = (value) => Number.isInteger(value) && value > 0 && value <= 0x80000000 && (value & (value - 1)) === 0;

// ---- the ABI's own ops ----
export function latch(a, b) { op(opLatch, a, b); }
export function latchWide(value) { op(opLatch, lowHalf(value), highHalf(value)); }
export function result(part) { return op(opResult, part, 0); }
/** The 64-bit value whose low half an op has just returned. */
export function wide(low) { return join(op(opResult, 1, 0), low); }
export function text(string) {
  const line = string.length > ${MAX_TEXT} ? string.slice(0, ${MAX_TEXT - 1}) + "…" : string;
  send(line);
}
function send(line) {
  for (let i = 0; i < line.length; i += 4) {
    const n = Math.min(4, line.length - i);
    const unit = (j) => (j < n ? line.charCodeAt(i + j) : 0);
    op(opText | ((n - 1) << ${SIZE_SHIFT}), unit(0) | (unit(1) << 16), unit(2) | (unit(3) << 16));
  }
}
export const character = (code) => String.fromCharCode(code);

// ---- scalar types ----
function numeric(name, bytes, signed) {
  const low = -(2 ** (bytes * 8 - 1));
  const high = 2 ** (bytes * 8) - 1;
  return Object.freeze({
    kind: "scalar", name, size: bytes, align: bytes,
    check(value, what) {
      need(typeof value === "number", what + ": " + name + " takes a number, got " + show(value));
      need(Number.isInteger(value) && value >= low && value <= high, what + ": " + show(value) + " does not fit in " + name);
      return value >>> 0;
    },
    split: null,
    value: signed ? (word) => (bytes === 4 ? word | 0 : (word << (32 - bytes * 8)) >> (32 - bytes * 8)) : (word) => word,
  });
}
function wideType(name, signed) {
  return Object.freeze({
    kind: "scalar", name, size: 8, align: 8,
    split(value, what) {
      need(typeof value === "bigint", what + ": " + name + " takes a 64-bit value (a bigint), got " + show(value));
      need(value >= -0x8000000000000000n && value <= 0xffffffffffffffffn, what + ": " + show(value) + " does not fit in " + name);
      return value;
    },
    value: signed ? (low, high) => BigInt.asIntN(64, join(high, low)) : (low, high) => join(high, low),
  });
}
export const u8 = numeric("u8", 1, false), u16 = numeric("u16", 2, false), u32_type = numeric("u32", 4, false);
export const s8 = numeric("s8", 1, true), s16 = numeric("s16", 2, true), s32 = numeric("s32", 4, true);
export const le16 = numeric("le16", 2, false), le32 = numeric("le32", 4, false), be16 = numeric("be16", 2, false), be32 = numeric("be32", 4, false);
export const u64 = wideType("u64", false), s64 = wideType("s64", true), le64 = wideType("le64", false), be64 = wideType("be64", false);
export const dma_addr_t = wideType("dma_addr_t", false), phys_addr_t = wideType("phys_addr_t", false);
export const iomem = Object.freeze({
  kind: "scalar", name: "iomem", size: 8, align: 8, pointerLike: true,
  split(value, what) { need(Number.isInteger(value) && value >= 0 && value <= 0xffffffff, what + ": expected registers (an iomem), got " + show(value)); return BigInt(value); },
  value: (low) => low,
});
export const device_type = Object.freeze({
  kind: "scalar", name: "device", size: 8, align: 8, pointerLike: true,
  split(value, what) { return value === null ? 0n : BigInt(${DEVICE_BASE} + deviceIndex(value, what)); },
  value: (low) => (low === 0 ? null : device(low - ${DEVICE_BASE})),
});
const SCALARS = [u8, u16, u32_type, s8, s16, s32, le16, le32, be16, be32, u64, s64, le64, be64, dma_addr_t, phys_addr_t, iomem, device_type];

export function swapTo(order, bits, value, what) {
  if (bits === 64) wideValue(value, what);
  else need(typeof value === "number" && Number.isInteger(value) && value >= -(2 ** (bits - 1)) && value <= 2 ** bits - 1, what + ": expected a " + bits + "-bit number, got " + show(value));
  const word = bits === 64 ? BigInt.asUintN(64, value) : bits === 32 ? value >>> 0 : value & 0xffff;
  if ((order === "be") === BIG) return word;
  if (bits === 16) return ((word & 0xff) << 8) | (word >>> 8);
  if (bits === 32) return (((word & 0xff) << 24) | ((word & 0xff00) << 8) | ((word >>> 8) & 0xff00) | (word >>> 24)) >>> 0;
  let swapped = 0n;
  for (let i = 0n; i < 64n; i += 8n) swapped |= ((word >> i) & 0xffn) << (56n - i);
  return swapped;
}

// ---- devices ----
class Device { constructor(index) { this.$index = index; Object.freeze(this); } }
export const device = (index) => (index >= 0 && index < ${MAX_DEVICES} ? new Device(index) : null);
export function deviceIndex(value, what) { need(value instanceof Device, what + ": expected a device, got " + show(value)); return value.$index; }

// ---- memory ----
let loads = 0;
const LOG2 = { 1: 0, 2: 1, 4: 2, 8: 3 };
function accessCode(code, bytes, hi, dep, lo) {
  if (hi !== DIRECT && hi !== UNCACHED) throw new TypeError("unable to handle a paging request at " + address(hi, lo) + ": not an address of kernel memory");
  return (code | (LOG2[bytes] << ${SIZE_SHIFT}) | (hi === UNCACHED ? ${UNCACHED_FLAG} : 0) | (dep << ${DEP_SHIFT})) >>> 0;
}
const address = (hi, lo) => "0x" + join(hi, lo < 0 ? 0 : lo % 0x100000000).toString(16).padStart(16, "0");
function at(lo, hi) {
  if (lo < 0 || lo > 0xffffffff) throw new TypeError("unable to handle a paging request at " + address(hi, lo) + ": not an address of kernel memory");
  return lo;
}
function read(code, type, hi, lo, dep) {
  if (type.kind !== "scalar") throw new TypeError("a " + type.name + " is read field by field");
  const low = op(accessCode(code, type.size, hi, dep, lo), at(lo, hi), 0);
  loads += 1;
  if (type.size < 8) return type.value(low, 0);
  return type.value(low, op(opResult, 1, 0), loads & 0xffff);
}
function write(code, type, hi, lo, dep, value, what) {
  if (type.kind !== "scalar") throw new TypeError("a " + type.name + " is written field by field");
  if (type.split === null) { op(accessCode(code, type.size, hi, dep, lo), at(lo, hi), type.check(value, what)); return; }
  const whole = type.split(value, what), access = accessCode(code, type.size, hi, dep, lo);
  latch(highHalf(whole), 0);
  op(access, at(lo, hi), lowHalf(whole));
}

// ---- pointers ----
class Pointer {
  constructor(type, hi, lo, dep) { this.$type = type; this.$hi = hi; this.$lo = lo; this.$dep = dep; }
  get address() { return join(this.$hi, this.$lo); }
  at(index) {
    need(Number.isInteger(index), "at: expected a whole number, got " + show(index));
    need(this.$type !== null, "at: a void pointer has no elements; cast it first");
    return make(this.$type, this.$hi, this.$lo + index * this.$type.size, this.$dep);
  }
  toString() { return address(this.$hi, this.$lo); }
}
class ScalarPointer extends Pointer {
  load() { return read(opLoad, this.$type, this.$hi, this.$lo, this.$dep); }
  store(value) { need(arguments.length === 1, "store: expected one value"); write(opStore, this.$type, this.$hi, this.$lo, this.$dep, value, "store"); }
}
class StructPointer extends Pointer {
  load(field) { const f = fieldOf(this.$type, field); return read(opLoad, f.type, this.$hi, this.$lo + f.offset, this.$dep); }
  store(field, value) { need(arguments.length === 2, "store: expected a field and a value"); const f = fieldOf(this.$type, field); write(opStore, f.type, this.$hi, this.$lo + f.offset, this.$dep, value, "field '" + field + "'"); }
  field(name) { const f = fieldOf(this.$type, name); return place(f, this); }
}
function fieldOf(type, name) {
  const field = typeof name === "string" ? type.byName[name] : undefined;
  if (field === undefined) throw new TypeError("struct " + type.name + " has no field " + show(name) + "; it has " + type.fields.map((f) => f.name).join(", "));
  return field;
}
function place(field, base) {
  const type = field.type.kind === "array" ? field.type.element : field.type;
  return make(type, base.$hi, base.$lo + field.offset, base.$dep);
}
function make(type, hi, lo, dep) {
  if (type === null) return new Pointer(null, hi, lo, dep);
  if (type.kind === "struct") return new type.Pointer(type, hi, lo, dep);
  return new ScalarPointer(type, hi, lo, dep);
}
export const voidPointer = (hi, lo) => new Pointer(null, hi, lo, 0);
export function pointer(value, what) {
  need(value instanceof Pointer, what + " must be a pointer, got " + show(value));
  need(value.$lo >= 0 && value.$lo <= 0xffffffff, what + ": " + address(value.$hi, value.$lo) + " is not an address of kernel memory");
  return value;
}
export function readVia(code, p, field, what) {
  need(p instanceof Pointer, what + ": expected a pointer, got " + show(p));
  if (field === undefined) { need(p instanceof ScalarPointer, what + ": name the field of " + nameOf(p.$type)); return read(code, p.$type, p.$hi, p.$lo, p.$dep); }
  need(p instanceof StructPointer, what + ": " + nameOf(p.$type) + " has no fields");
  const f = fieldOf(p.$type, field);
  return read(code, f.type, p.$hi, p.$lo + f.offset, p.$dep);
}
export function writeVia(code, p, x, y, count, what) {
  need(p instanceof Pointer, what + ": expected a pointer, got " + show(p));
  if (count === 2) { need(p instanceof ScalarPointer, what + ": name the field of " + nameOf(p.$type)); write(code, p.$type, p.$hi, p.$lo, p.$dep, x, what); return; }
  need(p instanceof StructPointer, what + ": " + nameOf(p.$type) + " has no fields");
  const f = fieldOf(p.$type, x);
  write(code, f.type, p.$hi, p.$lo + f.offset, p.$dep, y, "field '" + x + "'");
}
export function out() {
  return { value: undefined, store(value) { this.value = value; } };
}

// ---- declaring types ----
let sealed = false;
const structs = [];
const isType = (value) => typeof value === "object" && value !== null && (value.kind === "scalar" || value.kind === "struct" || value.kind === "array") && Object.isFrozen(value);
export function pointerType(target) {
  need(typeof target === "function" || isType(target), "ptr: expected the type it points to, got " + show(target));
  const resolve = () => (typeof target === "function" ? target() : target);
  return Object.freeze({
    kind: "scalar", name: "pointer", size: 8, align: 8, pointerLike: true,
    split(value, what) { return value === null ? 0n : join(pointer(value, what).$hi, value.$lo); },
    value: (low, high, dep) => (low === 0 && high === 0 ? null : make(resolve(), high, low, dep)),
  });
}
export function arrayType(element, count) {
  need(isType(element) && element.kind !== "array", "array: expected the type of an element, got " + show(element));
  need(Number.isInteger(count) && count > 0 && count <= 65536, "array: expected a number of elements, got " + show(count));
  return Object.freeze({ kind: "array", name: element.name + "[" + count + "]", element, count, size: element.size * count, align: element.align });
}
export function sizeOf(type) { need(isType(type), "sizeof: expected a type, got " + show(type)); return type.size; }
export function defineStruct(name, fields, options) {
  need(!sealed, "struct: declare it at the top level of a module");
  need(typeof name === "string" && /^[A-Za-z_][A-Za-z0-9_]{0,63}$/.test(name), "struct: expected a name, got " + show(name));
  need(typeof fields === "object" && fields !== null, "struct " + name + ": expected fields");
  const packed = options !== undefined && options.packed === true;
  const list = [], byName = Object.create(null);
  let offset = 0, align = 1;
  class View extends StructPointer {}
  for (const key of Object.keys(fields)) {
    const type = fields[key];
    need(isType(type), "struct " + name + ": field '" + key + "' has no type");
    need(/^[A-Za-z_][A-Za-z0-9_]{0,63}$/.test(key), "struct " + name + ": '" + key + "' is not a field name");
    const step = packed ? 1 : type.align;
    offset = Math.ceil(offset / step) * step;
    align = Math.max(align, step);
    const field = Object.freeze({ name: key, type, offset });
    list.push(field);
    byName[key] = field;
    offset += type.size;
    const plain = type.kind === "scalar" && type.pointerLike !== true;
    if (plain) continue;
    need(!(key in StructPointer.prototype), "struct " + name + ": a field that is read as a property cannot be called '" + key + "'");
    Object.defineProperty(View.prototype, key, { enumerable: true, get: type.kind === "scalar" ? function () { return this.load(key); } : function () { return place(field, this); } });
  }
  need(list.length > 0, "struct " + name + ": expected at least one field");
  const type = Object.freeze({ kind: "struct", name, size: Math.ceil(offset / align) * align, align, fields: Object.freeze(list), byName: Object.freeze(byName), Pointer: View });
  structs.push(type);
  return type;
}
export function cast(code, to, p) {
  need(isType(to) && to.kind !== "array", "cast: expected a structure or a scalar type, got " + show(to));
  if (p === null) return null;
  pointer(p, "cast: p");
  if (to.kind === "struct") { latch(p.$hi, structs.indexOf(to)); op(code, p.$lo, to.size); }
  return make(to, p.$hi, p.$lo, p.$dep);
}
/** 0: void; from 1: structures; from 65536: scalars. */
export function typeIndex(type) {
  if (type === null || type === undefined) return 0;
  const at = structs.indexOf(type);
  if (at >= 0) return at + 1;
  const scalar = SCALARS.indexOf(type);
  return scalar >= 0 ? 65536 + scalar : 0;
}
export function typedPointer(index, hi, lo) {
  if (lo === 0 && hi === 0) return null;
  return make(index === 0 ? null : index >= 65536 ? SCALARS[index - 65536] : structs[index - 1], hi, lo, 0);
}

// ---- registers ----
export function mmioRead(code, registers, bytes, what) {
  need(typeof registers === "number" && Number.isInteger(registers) && registers >= ${IOMEM_BASE} && registers <= 0xffffffff, what + ": " + show(registers) + " is not a register address; add the offset to what devm_platform_ioremap_resource returned");
  const low = op(code | (LOG2[bytes] << ${SIZE_SHIFT}), registers, 0);
  loads += 1;
  return low;
}
export function mmioWrite(code, value, registers, bytes, what) {
  need(typeof registers === "number" && Number.isInteger(registers) && registers >= ${IOMEM_BASE} && registers <= 0xffffffff, what + ": " + show(registers) + " is not a register address (the value comes first: " + what + "(value, addr))");
  const type = bytes === 8 ? u64 : bytes === 4 ? u32_type : bytes === 2 ? u16 : u8;
  if (bytes === 8) { const whole = type.split(value, what); latch(highHalf(whole), 0); op(code | (3 << ${SIZE_SHIFT}), registers, lowHalf(whole)); }
  else op(code | (LOG2[bytes] << ${SIZE_SHIFT}), registers, type.check(value, what));
}

// ---- messages ----
export function format(fmt, args) {
  need(typeof fmt === "string", "printk: the format must be a string, got " + show(fmt));
  let next = 0;
  const line = args.length === 0 && !fmt.includes("%") ? fmt : fmt.replace(/%([-+ #0]*)(\\d+)?(?:\\.(\\d+))?(hh|h|ll|l|z)?([diuxXscp%])/g, (whole, flag, width, precision, length, kind) => {
    if (kind === "%") return "%";
    if (next >= args.length) throw new TypeError("printk: nothing to print for " + whole);
    const value = args[next++];
    let shown;
    if (kind === "s") shown = String(value).slice(0, precision === undefined ? undefined : Number(precision));
    else if (kind === "c") shown = typeof value === "number" ? String.fromCharCode(value) : String(value);
    else if (kind === "p") shown = value instanceof Pointer ? value.toString() : typeof value === "bigint" || typeof value === "number" ? "0x" + value.toString(16) : String(value);
    else {
      need(typeof value === "number" || typeof value === "bigint" || typeof value === "boolean", "printk: " + whole + " takes a number, got " + show(value));
      let n = typeof value === "bigint" ? value : BigInt(Math.trunc(Number(value)) || 0);
      if (kind !== "d" && kind !== "i") n = BigInt.asUintN(length === "ll" || length === "l" || length === "z" || typeof value === "bigint" ? 64 : 32, n);
      const digits = (n < 0n ? -n : n).toString(kind === "x" || kind === "X" ? 16 : 10);
      shown = (flag.includes("#") && kind !== "d" && kind !== "i" && kind !== "u" ? "0x" : "") + (kind === "X" ? digits.toUpperCase() : digits);
      const sign = n < 0n ? "-" : flag.includes("+") ? "+" : "";
      if (flag.includes("0") && !flag.includes("-") && width !== undefined) {
        const prefix = shown.startsWith("0x") ? "0x" : "";
        shown = prefix + shown.slice(prefix.length).padStart(Number(width) - prefix.length - sign.length, "0");
      }
      shown = sign + shown;
    }
    if (width === undefined) return shown;
    return flag.includes("-") ? shown.padEnd(Math.min(256, Number(width))) : shown.padStart(Math.min(256, Number(width)));
  });
  return line.endsWith("\\n") ? line.slice(0, -1) : line;
}

// ---- functions of the driver, numbered as their modules are evaluated ----
const functions = [];
export function register(module, list) {
  need(!sealed, "functions are numbered when their module is evaluated");
  for (const [name, value] of list) if (typeof value === "function") functions.push({ module, name, value });
}
export function functionIndex(value, what) {
  need(typeof value === "function", what + ": expected a function, got " + show(value));
  const index = functions.findIndex((f) => f.value === value);
  need(index >= 0, what + ": the handler must be a function at the top level of the driver");
  return index;
}
export function seal() { sealed = true; }

/** The table of functions and structures, for the host. */
export function describe() {
  const describeType = (type) => (type.kind === "array" ? { ...describeType(type.element), count: type.count } : type.kind === "struct" ? { struct: structs.indexOf(type), size: type.size, count: 1 } : { scalar: type.name, size: type.size, count: 1 });
  send(JSON.stringify({
    functions: functions.map((f) => ({ module: f.module, name: f.name })),
    structs: structs.map((s) => ({ name: s.name, size: s.size, fields: s.fields.map((f) => ({ name: f.name, offset: f.offset, ...describeType(f.type) })) })),
  }));
  op(opDescribed, 0, 0);
}

/** Calls function \`index\` with arguments that arrive as kind and words. */
export function invoke(index, words) {
  const args = [];
  for (let i = 0; i < words.length; ) {
    const kind = words[i++];
    if (kind === ${ARGUMENT.number} || kind === ${ARGUMENT.wide}) args.push(words[i++]);
    else if (kind === ${ARGUMENT.device}) args.push(device(words[i++]));
    else if (kind === ${ARGUMENT.pointer}) { args.push(typedPointer(words[i + 2], words[i + 1], words[i])); i += 3; }
    else args.push(null);
  }
  const value = functions[index].value(...args);
  need(!(value instanceof Promise), functions[index].name + " returned a promise: driver code is synchronous, nothing here would ever settle it");
  return typeof value === "boolean" ? Number(value) : typeof value === "number" || typeof value === "bigint" ? value : null;
}
`;
}
