// SPDX-License-Identifier: Apache-2.0
/**
 * Page-table entries read a second time, from the manuals, bit by bit and with
 * bigints: slow, and sharing nothing with the formats of the walker but the texts by which rules are told apart.
 */
import type { Access } from '@dmalab/core/mmu/format';
import type { StageOptions } from '@dmalab/core/mmu/formats/armv8';
import type { PagingOptions } from '@dmalab/core/mmu/formats/riscv';
import type { FirstStageOptions, SecondStageOptions } from '@dmalab/core/mmu/formats/x86';

/** What an entry says. `sort` and `refuses`: the text of a rule, where one is broken. `marked`: the entry after the marks. */
export interface Opinion {
  readonly sort: string;
  readonly refuses: string | null;
  readonly flaw: string | null;
  readonly frame: bigint;
  readonly span: number;
  readonly marked: bigint;
}

/** Judges one entry. `above`: the pointers passed on the way, joined. */
export type Judge = (entry: bigint, level: number, access: Access, above: bigint) => Opinion;

const field = (entry: bigint, high: number, low: number): bigint => (entry >> BigInt(low)) & ((1n << BigInt(high - low + 1)) - 1n);
const bit = (entry: bigint, at: number): boolean => field(entry, at, at) === 1n;
const bitsOf = (...at: readonly number[]): bigint => at.reduce((sum, i) => sum | (1n << BigInt(i)), 0n);

/** The first text whose condition holds. */
const first = (...rules: readonly (readonly [boolean, string])[]): string | null => rules.find(([broken]) => broken)?.[1] ?? null;

export function x86First(options: FirstStageOptions): Judge {
  const reserved = 'address bits above the host and those below a large page must be clear, and PS where no large page exists';
  return (entry, level, access) => {
    const large = level > 0 && bit(entry, 7);
    const leaf = level === 0 || large;
    const user = bit(entry, 2);
    const size = 12 + 9 * level;
    return {
      sort: !bit(entry, 0) ? 'P must be set' : leaf ? 'leaf' : 'pointer',
      refuses: first(
        [!user && !access.supervisor, 'a user request needs U/S in every entry'],
        [access.write && !bit(entry, 1) && !(access.supervisor && !options.writeProtect), 'writing needs R/W in every entry'],
        [access.execute && bit(entry, 63) && options.noExecute, 'execution needs XD clear in every entry'],
      ),
      flaw: first(
        [options.hostBits < 52 && field(entry, 51, options.hostBits) !== 0n, reserved],
        [large && (level > 2 || (level === 2 && !options.gigabyte)), reserved],
        [large && field(entry, size - 1, 13) !== 0n, reserved],
      ),
      frame: field(entry, 51, 12),
      span: size,
      marked: entry | bitsOf(5, ...(options.extendedAccessed ? [10] : []), ...(leaf && access.dirties ? [6] : [])),
    };
  };
}

export function x86Second(options: SecondStageOptions): Judge {
  const reserved = 'address bits above the host and those below a large page, SNP, TM and PS must be clear where they have no meaning';
  return (entry, level, access) => {
    const large = level > 0 && bit(entry, 7);
    const leaf = level === 0 || large;
    const exists = (level === 1 && (options.largePages & 1) !== 0) || (level === 2 && (options.largePages & 2) !== 0);
    return {
      sort: leaf ? 'leaf' : 'pointer',
      refuses: first(
        [!bit(entry, 0) && !bit(entry, 1), 'one of R and W must be set'],
        [access.read && !bit(entry, 0), 'reading needs R in every entry'],
        [access.write && !bit(entry, 1), 'writing needs W in every entry'],
      ),
      flaw: first(
        [options.hostBits < 52 && field(entry, 51, options.hostBits) !== 0n, reserved],
        [bit(entry, 62) && !options.deviceTlbs, reserved],
        [bit(entry, 11) && !options.snoopControl, reserved],
        [large && !exists, reserved],
        [large && field(entry, 11 + 9 * level, 12) !== 0n, reserved],
      ),
      frame: field(entry, 51, 12),
      span: 12 + 9 * level,
      marked: options.marks ? entry | bitsOf(8, ...(leaf && access.dirties ? [9] : [])) : entry,
    };
  };
}

export function riscv(levels: 2 | 3 | 4 | 5, stage: 'first' | 'second', options: PagingOptions): Judge {
  const small = levels === 2;
  const index = small ? 10 : 9;
  return (entry, level, access) => {
    const [V, R, W, X, U, , A, D] = [0, 1, 2, 3, 4, 5, 6, 7].map((at) => bit(entry, at));
    const type = small ? 0n : field(entry, 62, 61);
    const contiguous = !small && bit(entry, 63);
    const pointer = R !== true && X !== true;
    const stray = !small && (field(entry, 58, 54) !== 0n || (!options.rsw60t59b && field(entry, 60, 59) !== 0n));
    const low = level === 0 ? 0n : field(entry, 9 + index * level, 10);
    const broken = first(
      [V !== true, 'V must be set'],
      [W === true && R !== true, 'W without R is reserved'],
      [stray, 'bits 58:54 (and 60:59 without Svrsw60t59b) must be clear'],
      [pointer && (D === true || A === true || U === true), 'in a pointer D, A and U are reserved and must be clear'],
      [pointer && type !== 0n, 'a pointer has no memory type'],
      [pointer && contiguous, 'a pointer is not one of a contiguous range'],
      [pointer && level === 0, 'an entry of the last level must map a page, not point to a further table'],
      [!pointer && (type === 3n || (type !== 0n && !options.pbmt)), 'memory type 3 is reserved, and without Svpbmt any but 0'],
      [!pointer && contiguous && (level > 0 || field(entry, 13, 10) !== 8n), 'only 64 KiB at the last level can be contiguous: frame bits 3:0 must be 8'],
      [!pointer && low !== 0n, 'a superpage must be aligned to its size'],
    );
    const asUser = stage === 'second' || !access.supervisor;
    return {
      sort: broken ?? (pointer ? 'pointer' : 'leaf'),
      refuses: first(
        [asUser && U !== true, 'a user request needs U'],
        [!asUser && U === true && access.execute && !(access.probes && options.dropsExecute), 'a supervisor never executes a user page'],
        [!asUser && U === true && !access.sum, 'a supervisor request to a user page needs SUM'],
        [access.probes ? options.readsOrFaults && R !== true : access.read && R !== true, 'reading needs R'],
        [!access.probes && access.write && W !== true, 'writing needs W'],
        [!access.probes && access.execute && X !== true, 'execution needs X'],
      ),
      flaw: null,
      frame: small ? field(entry, 31, 10) : field(entry, 53, 10),
      span: contiguous ? 16 : 12 + index * level,
      marked: entry | bitsOf(6, ...(access.dirties && W === true ? [7] : [])),
    };
  };
}

export function armv8(options: StageOptions): Judge {
  const { granule, outputBits } = options;
  const large = options.largeAddresses === true && granule === 16;
  return (entry, level, access, above) => {
    /** Address bits 51:48 lie in bits 15:12 where there are such. */
    const address = (field(entry, 47, granule) << BigInt(granule)) | (large ? field(entry, 15, 12) << 48n : 0n);
    // Bits below the granule count as the address where they name one that is too large: none does, it is at least 32 bits.
    const tooFar = address >> BigInt(outputBits) !== 0n;
    const block = !bit(entry, 1);
    const largest = granule === 12 ? 2 : large ? 2 : 1;
    const invalid = !bit(entry, 0) || (block && (level === 0 || level > largest));
    const pointer = !invalid && !block && level > 0;
    const size = 'the output address must not exceed the output size';
    return {
      sort: invalid ? 'the descriptor must be valid and of a type that its level has' : pointer ? (tooFar ? size : 'pointer') : 'leaf',
      refuses: first([tooFar, size], [!bit(entry, 10) && !options.ignoresAccessFlag && !options.setsAccessFlag, 'the access flag must be set']) ?? (options.stage === 1 ? armFirst(options, entry, access, above) : armSecond(options, entry, access)),
      flaw: null,
      frame: address >> 12n,
      span: granule + (granule - 3) * level,
      marked: armMarked(options, entry, access),
    };
  };
}

function armMarked(options: StageOptions, entry: bigint, access: Access): bigint {
  const accessed = options.setsAccessFlag ? entry | bitsOf(10) : entry;
  if (!access.dirties || options.setsDirty !== true || !bit(entry, 51)) return accessed;
  return options.stage === 1 ? accessed & ~bitsOf(7) : accessed | bitsOf(7);
}

/** XN: 0 everyone, 1 users, 2 nobody, 3 the privileged; without XNX bit 54 alone counts. */
function armSecond(options: StageOptions, entry: bigint, access: Access): string | null {
  const write = bit(entry, 7) || (options.setsDirty === true && bit(entry, 51));
  const xn = field(entry, 54, 53);
  const execute = options.executeByPrivilege === true ? xn === 0n || (xn === 1n && !access.supervisor) || (xn === 3n && access.supervisor) : !bit(entry, 54);
  const read = bit(entry, 6);
  if (access.probes && ((access.read && read) || (access.write && write) || (access.execute && execute))) return null;
  return first([access.write && !write, 'writing needs S2AP[1]'], [access.read && !read, 'reading needs S2AP[0]'], [access.execute && !execute, 'execution needs XN to permit it']);
}

function armFirst(options: StageOptions, entry: bigint, access: Access, above: bigint): string | null {
  const flat = options.flat === true;
  const inherited = (at: number): boolean => !flat && bit(above, at);
  const oneLevel = options.oneLevel === true;
  const privileged = access.supervisor || oneLevel;
  const forUsers = oneLevel || (bit(entry, 6) && !inherited(61));
  const cleanable = options.setsDirty === true && bit(entry, 51);
  const writable = (!bit(entry, 7) || cleanable) && !inherited(62);
  const reachable = oneLevel ? true : access.supervisor ? !(options.privilegedAccessNever === true && forUsers) : forUsers;
  const never = oneLevel || !access.supervisor ? 54 : 53;
  const neverBelow = oneLevel || !access.supervisor ? 60 : 59;
  const byWriting = (options.writeExecuteNever === true && writable && (privileged || forUsers)) || (access.supervisor && !oneLevel && forUsers && writable);
  const execute = !bit(entry, never) && !inherited(neverBelow) && !byWriting;
  const [mayRead, mayWrite] = [reachable, reachable && writable];
  if (access.probes && ((access.read && mayRead) || (access.write && mayWrite) || (access.execute && execute))) return null;
  const unreachable = privileged ? 'with PAN a privileged request reaches no page that users reach' : bit(entry, 6) && inherited(61) ? 'a table with APTable[0] lets no unprivileged request below it' : 'an unprivileged request needs AP[1] set';
  return first(
    [access.write && !mayWrite && !reachable, unreachable],
    [access.write && !mayWrite, bit(entry, 7) ? 'writing needs AP[2] clear' : 'a table with APTable[1] lets nothing below it be written'],
    [access.read && !mayRead, unreachable],
    [access.execute && bit(entry, never), never === 54 ? 'execution needs UXN clear' : 'privileged execution needs PXN clear'],
    [access.execute && inherited(neverBelow), neverBelow === 60 ? 'a table with UXNTable lets nothing below it be executed' : 'a table with PXNTable lets nothing below it be executed by the privileged'],
    [access.execute && byWriting, 'a page that users may write, or with WXN any that may be written, is not executed'],
  );
}
