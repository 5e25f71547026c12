// SPDX-License-Identifier: Apache-2.0
/**
 * What a lab is: `lab.yaml`, read strictly. Unknown keys are errors, so a
 * misspelt check can never quietly award its points.
 */
import { DEVICE_KINDS } from '@dmalab/core/devices/kinds';
import { z } from 'zod';

/** Each is a row of `KERNEL_PROFILES` in @dmalab/kernel; a test says that they are the same. */
export const PROFILE_IDS = ['x86-64', 'arm64', 'arm64-nc', 'riscv64', 'riscv64-nc', 'strict', 'strict-nc', 'x86-64-up', 'arm64-up', 'arm64-nc-up', 'riscv64-up', 'riscv64-nc-up', 'strict-up', 'strict-nc-up'] as const;
export const ProfileId = z.enum(PROFILE_IDS);
export type ProfileId = z.infer<typeof ProfileId>;

const slug = z.string().regex(/^[a-z][a-z0-9-]*$/, 'expected lower-case words joined by "-"');
const identifier = z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/, 'expected a function or variable name');
/** `200M`, `64Ki`, or a plain integer. */
export const Count = z.union([z.number().int().nonnegative(), z.string().regex(/^\d+(k|M|G|Ki|Mi|Gi|KiB|MiB|GiB)?$/, 'expected an integer, or one with k, M, G, KiB, MiB or GiB')]).transform((v) => (typeof v === 'number' ? v : parseCount(v)));

function parseCount(text: string): number {
  const scale: Record<string, number> = { '': 1, k: 1e3, M: 1e6, G: 1e9, Ki: 1024, Mi: 1024 ** 2, Gi: 1024 ** 3, KiB: 1024, MiB: 1024 ** 2, GiB: 1024 ** 3 };
  const [, digits = '0', unit = ''] = /^(\d+)([A-Za-z]*)$/.exec(text) ?? [];
  return Number(digits) * (scale[unit] ?? 1);
}

export const DeviceSpec = z.strictObject({ id: slug, kind: z.enum(DEVICE_KINDS), options: z.record(z.string(), z.union([z.number(), z.string(), z.boolean()])).default({}) });

const checkCommon = { id: slug, title: z.string(), points: z.number().int().positive(), profiles: z.array(ProfileId).optional(), hint: z.string().optional() };
/** Exactly one of `rules`, `assert`, `cost`, `noLeaks` says what is checked. */
export const Check = z
  .strictObject({
    ...checkCommon,
    /** Sanitizer rules; any finding of one of them fails the check. */
    rules: z.array(z.string().regex(/^[A-Z]{2}\d+[a-z]?$/, 'expected a rule id such as XB2 or DD08')).nonempty().optional(),
    /** An assertion of the catalogue with its arguments: `allFramesSent(nic0)`. */
    assert: z.string().regex(/^[a-zA-Z]+\([^()]*\)$/, 'expected NAME(argument, …)').optional(),
    /** A count taken on the default schedule: `{ metric: barriers, atMost: solution + 1 }`. */
    cost: z.strictObject({ metric: slug, atMost: z.string().regex(/^solution( \+ \d+)?$/, 'expected "solution" or "solution + N"') }).optional(),
    noLeaks: z.literal(true).optional(),
  })
  .refine((c) => [c.rules, c.assert, c.cost, c.noLeaks].filter((x) => x !== undefined).length === 1, 'expected exactly one of rules, assert, cost, noLeaks');
export type Check = z.infer<typeof Check>;

export const Expectation = z.strictObject({
  /** Checks that must lose points. */
  fails: z.array(slug).optional(),
  /** Percent of all points. */
  points: z.number().int().min(0).max(100).optional(),
  verdict: z.enum(['violated', 'complete', 'bounded', 'sampled', 'error']).optional(),
  /** Signed off: cannot be told from a correct driver, with the reason. */
  equivalent: z.string().optional(),
});

export const LabManifest = z.strictObject({
  $schema: z.string().optional(),
  id: slug,
  title: z.string().min(1),
  summary: z.string().min(1),
  needs: z.array(slug).default([]),
  teaches: z.array(slug).min(1),
  minutes: z.number().int().positive().optional(),
  machine: z.strictObject({ cpus: z.number().int().min(1).max(4).default(1), ram: Count.default(4 * 1024 ** 2), devices: z.array(DeviceSpec).min(1) }),
  contexts: z.array(z.strictObject({ name: identifier, cpu: z.number().int().min(0) })).min(1),
  /** `file` is what the student edits; `entry` the top-level functions workloads may call, exported or not; `given` read-only modules beside it. */
  driver: z.strictObject({ file: z.string(), entry: z.array(identifier).min(1), given: z.array(z.string()).default([]) }),
  profiles: z.array(ProfileId).min(1),
  budget: z.strictObject({ executions: Count, fuel: Count, steps: Count.default(20_000), bound: z.number().int().min(0).max(8).default(3) }),
  /** Whether a verdict `sampled` counts as passed. */
  sampledPasses: z.boolean().default(false),
  checks: z.array(Check).min(1),
  expect: z.record(z.string(), Expectation),
});
export type LabManifest = z.infer<typeof LabManifest>;

/** An argument of a driver call: a number, a 64-bit literal, a device, the driver's private data, a named buffer's address as the CPU or (coherent ones only) as a device knows it. */
export const Argument = z.union([
  z.number().int(),
  z.strictObject({ u64: z.string().regex(/^0x[0-9a-fA-F]+$|^\d+$/) }),
  z.strictObject({ device: slug }),
  z.strictObject({ drvdata: slug }),
  z.strictObject({ buffer: identifier }),
  z.strictObject({ dma: identifier }),
]);
export type Argument = z.infer<typeof Argument>;

/** `workloads/public|hidden/ID.yaml`: pure data. Each call, device item and fault can be dropped by the minimiser. */
export const Workload = z.strictObject({
  title: z.string().min(1),
  /** Buffers made before the contexts start, filled by a named generator. `coherent`: as `dma_alloc_coherent` makes them; else as `kmalloc` does. */
  buffers: z.record(identifier, z.strictObject({ size: z.number().int().positive().max(65_536), fill: z.enum(['zero', 'count', 'random']).default('count'), seed: z.number().int().default(1), coherent: z.boolean().default(false) })).default({}),
  /** `expect`: what the call returns, or a list of what it may return. */
  contexts: z.record(identifier, z.array(z.strictObject({ call: identifier, args: z.array(Argument).default([]), expect: z.union([z.number().int(), z.array(z.number().int()).nonempty()]).optional() })).min(1)),
  devices: z.record(slug, z.array(z.strictObject({ receive: z.strictObject({ size: z.number().int().positive(), seed: z.number().int().default(1) }) }))).default({}),
  faults: z.array(z.strictObject({ at: z.string(), nth: z.number().int().min(1) })).default([]),
  profiles: z.array(ProfileId).optional(),
  checks: z.array(slug).optional(),
});
export type Workload = z.infer<typeof Workload>;
