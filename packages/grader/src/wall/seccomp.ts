// SPDX-License-Identifier: Apache-2.0
/**
 * A seccomp filter as bytes, assembled here because no library is needed for
 * forty instructions. Refused calls answer EPERM, so a probe inside sees
 * "not permitted" rather than a dead process. `execve` stays allowed: the
 * wrapper installs the filter before it starts Node itself; without `fork`
 * an exec could only replace the process that tried it.
 *
 * @source Linux Documentation/userspace-api/seccomp_filter.rst; include/uapi/linux/{seccomp,audit,filter}.h
 */

const AUDIT_ARCH = { x64: 0xc000_003e, arm64: 0xc000_00b7 } as const;
export type SeccompArch = keyof typeof AUDIT_ARCH;

/** Call numbers per architecture; `null` where the architecture has no such call. */
const REFUSED: Record<string, { x64: number | null; arm64: number | null }> = {
  socket: { x64: 41, arm64: 198 },
  connect: { x64: 42, arm64: 203 },
  accept: { x64: 43, arm64: 202 },
  bind: { x64: 49, arm64: 200 },
  listen: { x64: 50, arm64: 201 },
  fork: { x64: 57, arm64: null },
  vfork: { x64: 58, arm64: null },
  kill: { x64: 62, arm64: 129 },
  ptrace: { x64: 101, arm64: 117 },
  personality: { x64: 135, arm64: 92 },
  pivot_root: { x64: 155, arm64: 41 },
  chroot: { x64: 161, arm64: 51 },
  mount: { x64: 165, arm64: 40 },
  umount2: { x64: 166, arm64: 39 },
  swapon: { x64: 167, arm64: 224 },
  reboot: { x64: 169, arm64: 142 },
  init_module: { x64: 175, arm64: 105 },
  kexec_load: { x64: 246, arm64: 104 },
  add_key: { x64: 248, arm64: 217 },
  request_key: { x64: 249, arm64: 218 },
  keyctl: { x64: 250, arm64: 219 },
  unshare: { x64: 272, arm64: 97 },
  accept4: { x64: 288, arm64: 242 },
  perf_event_open: { x64: 298, arm64: 241 },
  name_to_handle_at: { x64: 303, arm64: 264 },
  open_by_handle_at: { x64: 304, arm64: 265 },
  setns: { x64: 308, arm64: 268 },
  process_vm_readv: { x64: 310, arm64: 270 },
  process_vm_writev: { x64: 311, arm64: 271 },
  finit_module: { x64: 313, arm64: 273 },
  bpf: { x64: 321, arm64: 280 },
  userfaultfd: { x64: 323, arm64: 282 },
  io_uring_setup: { x64: 425, arm64: 425 },
  io_uring_enter: { x64: 426, arm64: 426 },
  io_uring_register: { x64: 427, arm64: 427 },
};
const CLONE = { x64: 56, arm64: 220 } as const;
const CLONE3 = 435;
const CLONE_THREAD = 0x0001_0000;
const EPERM = 1;
const ENOSYS = 38;

const LOAD_WORD = 0x20;
const JUMP_EQUAL = 0x15;
const JUMP_AT_LEAST = 0x35;
const JUMP_BITS = 0x45;
const RETURN = 0x06;
const ALLOW = 0x7fff_0000;
const KILL_PROCESS = 0x8000_0000;
const errno = (code: number): number => 0x0005_0000 | code;
/** Offsets in `struct seccomp_data`: nr, arch, low half of the first argument. */
const NR = 0;
const ARCH = 4;
const ARGUMENT_0 = 16;

type Instruction = readonly [code: number, jumpTrue: number, jumpFalse: number, k: number];

/** The names this filter refuses, for the page that describes the wall. */
export const refusedCalls: readonly string[] = [...Object.keys(REFUSED), 'clone (unless a thread)'];

/** The filter program, 8 bytes an instruction, in the machine's (little-endian) byte order. */
export function seccompFilter(arch: SeccompArch): Buffer {
  const numbers = Object.values(REFUSED).map((row) => row[arch]).filter((n) => n !== null);
  const program: Instruction[] = [
    [LOAD_WORD, 0, 0, ARCH],
    [JUMP_EQUAL, 1, 0, AUDIT_ARCH[arch]],
    [RETURN, 0, 0, KILL_PROCESS],
    [LOAD_WORD, 0, 0, NR],
    // The x32 ABI shares the architecture word of x86-64 and marks its calls with bit 30.
    [JUMP_AT_LEAST, 0, 1, 0x4000_0000],
    [RETURN, 0, 0, errno(EPERM)],
    [JUMP_EQUAL, 0, 1, CLONE3],
    [RETURN, 0, 0, errno(ENOSYS)],
    [JUMP_EQUAL, 0, 4, CLONE[arch]],
    [LOAD_WORD, 0, 0, ARGUMENT_0],
    [JUMP_BITS, 1, 0, CLONE_THREAD],
    [RETURN, 0, 0, errno(EPERM)],
    [RETURN, 0, 0, ALLOW],
    ...numbers.flatMap((n): Instruction[] => [
      [JUMP_EQUAL, 0, 1, n],
      [RETURN, 0, 0, errno(EPERM)],
    ]),
    [RETURN, 0, 0, ALLOW],
  ];
  const bytes = Buffer.alloc(program.length * 8);
  program.forEach(([code, jumpTrue, jumpFalse, k], index) => {
    bytes.writeUInt16LE(code, index * 8);
    bytes.writeUInt8(jumpTrue, index * 8 + 2);
    bytes.writeUInt8(jumpFalse, index * 8 + 3);
    bytes.writeUInt32LE(k >>> 0, index * 8 + 4);
  });
  return bytes;
}
