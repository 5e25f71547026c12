// SPDX-License-Identifier: Apache-2.0
/** Secrets that people carry (links, cookies): 256 random bits. The store keeps their hash only. */
import { createHash, randomBytes } from 'node:crypto';

export function newSecret(): string {
  return randomBytes(32).toString('base64url');
}

export function hashOf(secret: string): string {
  return createHash('sha256').update(secret).digest('base64url');
}
