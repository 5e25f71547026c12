// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { type SeccompArch, refusedCalls, seccompFilter } from './seccomp.ts';

/** A reader of the filter that shares nothing with the assembler: runs it on one call. */
function verdict(program: Buffer, data: { nr: number; arch: number; argument0?: number }): number {
  const words = new Map([[0, data.nr], [4, data.arch], [16, data.argument0 ?? 0]]);
  let accumulator = 0;
  for (let pc = 0; ; pc += 1) {
    const [code, jt, jf, k] = [program.readUInt16LE(pc * 8), program.readUInt8(pc * 8 + 2), program.readUInt8(pc * 8 + 3), program.readUInt32LE(pc * 8 + 4)];
    if (code === 0x20) accumulator = words.get(k) ?? 0;
    else if (code === 0x15) pc += accumulator === k ? jt : jf;
    else if (code === 0x35) pc += accumulator >>> 0 >= k ? jt : jf;
    else if (code === 0x45) pc += (accumulator & k) !== 0 ? jt : jf;
    else if (code === 0x06) return k >>> 0;
    else throw new Error(`unknown instruction ${code}`);
  }
}

const ALLOW = 0x7fff_0000;
const EPERM = 0x0005_0001;
const numbers: Record<SeccompArch, { arch: number; read: number; connect: number; ptrace: number; clone: number }> = {
  x64: { arch: 0xc000_003e, read: 0, connect: 42, ptrace: 101, clone: 56 },
  arm64: { arch: 0xc000_00b7, read: 63, connect: 203, ptrace: 117, clone: 220 },
};

describe.each(['x64', 'arm64'] as const)('the filter for %s', (arch) => {
  const program = seccompFilter(arch);
  const n = numbers[arch];

  it('lets a process read, and refuses sockets and tracing with EPERM', () => {
    expect(verdict(program, { nr: n.read, arch: n.arch })).toBe(ALLOW);
    expect(verdict(program, { nr: n.connect, arch: n.arch })).toBe(EPERM);
    expect(verdict(program, { nr: n.ptrace, arch: n.arch })).toBe(EPERM);
  });

  it('lets clone make threads but not processes', () => {
    expect(verdict(program, { nr: n.clone, arch: n.arch, argument0: 0x0001_0000 })).toBe(ALLOW);
    expect(verdict(program, { nr: n.clone, arch: n.arch, argument0: 0 })).toBe(EPERM);
  });

  it('answers clone3 with ENOSYS, so that the C library falls back to clone', () => {
    expect(verdict(program, { nr: 435, arch: n.arch })).toBe(0x0005_0000 | 38);
  });

  it('kills calls of another architecture and refuses the x32 numbers', () => {
    expect(verdict(program, { nr: n.read, arch: 0x4000_0003 })).toBe(0x8000_0000);
    expect(verdict(program, { nr: 0x4000_0000 + 1, arch: n.arch })).toBe(EPERM);
  });
});

it('the page that describes the wall names what is refused', () => {
  expect(refusedCalls).toContain('connect');
  expect(refusedCalls.length).toBeGreaterThan(30);
});
