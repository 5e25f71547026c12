// SPDX-License-Identifier: Apache-2.0
/** Every profile that a lab may name: the machine boots on it, and drivers that are right are right on it. Those the labs name themselves are in engine.test.ts and in `lab check`. */
import { PROFILE_IDS, type ProfileId } from '@dmalab/contracts/lab';
import { CORE_PROFILES } from '@dmalab/core/machine/profile';
import { KERNEL_PROFILES } from '@dmalab/kernel/profiles';
import { describe, expect, it } from 'vitest';
import { COPY_LAB, NIC_LAB } from '../support/repo.ts';
import { driver, engine, lab } from './lab.ts';

const nic = lab(NIC_LAB.folder);
const copy = lab(COPY_LAB.folder);
/** Profiles that a lab does not name. */
const others = (of: typeof nic, coherent: boolean): ProfileId[] => PROFILE_IDS.filter((id) => CORE_PROFILES[KERNEL_PROFILES[id].core].coherent === coherent && !of.manifest.profiles.includes(id));
const verdict = (of: typeof nic, name: string, profile: ProfileId, workload: string): string => {
  const { verdict: found, finding } = engine.explore({ lab: of, source: driver(of, name), profile, workload });
  return found.kind === 'violated' ? `violated ${finding?.rule}` : found.kind;
};

it('are those of the kernel', () => {
  expect([...PROFILE_IDS].sort()).toEqual(Object.keys(KERNEL_PROFILES).sort());
});

describe('coherent ones: the solution of lab 06 is complete, and without its barrier it fails where the CPU may reorder', () => {
  const strong = ['x86-64', 'x86-64-up'];
  it.each(others(nic, true))('%s', (profile) => {
    expect(verdict(nic, 'solution', profile, 'two-frames')).toBe('complete');
    expect(verdict(nic, 'solution', profile, 'two-incoming')).toBe('complete');
    expect(verdict(nic, 'variants/no-dma-wmb', profile, 'two-frames')).toBe(strong.includes(profile) ? 'complete' : 'violated XB2');
  });
});

describe('those whose devices do not see the caches: the solution of lab 02 holds, and without a clean it does not', () => {
  it.each(others(copy, false))('%s', (profile) => {
    expect(verdict(copy, 'solution', profile, 'one-text')).toBe('complete');
    expect(verdict(copy, 'variants/no-map', profile, 'one-text')).toBe('violated XO2');
    expect(verdict(copy, 'variants/no-sync-for-cpu', profile, 'two-texts')).toMatch(/^violated XO[12]$/);
  });
});
