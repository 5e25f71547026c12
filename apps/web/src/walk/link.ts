// SPDX-License-Identifier: Apache-2.0
/**
 * A walk as the part of an address after `#`: which system, the edits made to
 * it, which request and where one stands. All of it stays in the browser.
 */
import type { Edit } from '@dmalab/litmus/iommu/mend';

export type Source = { readonly kind: 'example'; readonly id: string } | { readonly kind: 'own'; readonly text: string };

export interface Place {
  readonly source: Source;
  readonly edits: readonly Edit[];
  /** Which request of the vector. */
  readonly step: number;
  /** Which access, from 0; the number of accesses is the end. Null: where it is most worth standing. */
  readonly at: number | null;
}

export async function linkOf({ source, edits, step, at }: Place): Promise<string> {
  const q = new URLSearchParams();
  if (source.kind === 'example') q.set('example', source.id);
  else q.set('vector', await packed(source.text));
  if (edits.length > 0) q.set('edits', edits.map(({ address, set, clear }) => [address, set, clear].map((n) => n.toString(16)).join('.')).join(' '));
  if (step > 0) q.set('request', `${step}`);
  if (at !== null) q.set('at', `${at + 1}`);
  return `#${q.toString()}`;
}

/** Null: it says nothing, or nothing that can be read. */
export async function placeOf(hash: string): Promise<Place | null> {
  const q = new URLSearchParams(hash.replace(/^#/, ''));
  const example = q.get('example');
  const vector = q.get('vector');
  if (example === null && vector === null) return null;
  try {
    const source: Source = vector === null ? { kind: 'example', id: example ?? '' } : { kind: 'own', text: await unpacked(vector) };
    return { source, edits: editsOf(q.get('edits') ?? ''), step: whole(q.get('request')) ?? 0, at: atOf(whole(q.get('at'))) };
  } catch {
    return null;
  }
}

const whole = (text: string | null): number | null => (text !== null && /^\d{1,6}$/.test(text) ? Number(text) : null);
const atOf = (shown: number | null): number | null => (shown === null || shown === 0 ? null : shown - 1);

function editsOf(text: string): Edit[] {
  return text
    .split(' ')
    .filter((part) => part !== '')
    .map((part) => {
      if (!/^[\da-f]{1,16}\.[\da-f]{1,16}\.[\da-f]{1,16}$/.test(part)) throw new Error(`${part} is no edit`);
      const [address, set, clear] = part.split('.').map((hex) => BigInt(`0x${hex}`)) as [bigint, bigint, bigint];
      return { address, set, clear };
    });
}

/** Vectors of a thousand words and more fit into an address once their zeros are gone. */
async function packed(text: string): Promise<string> {
  const bytes = new Uint8Array(await new Response(new Blob([text]).stream().pipeThrough(new CompressionStream('deflate-raw'))).arrayBuffer());
  return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join('')).replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, '');
}

/** No vector is as long; a link may unpack to anything. */
const LONGEST = 2_000_000;

async function unpacked(text: string): Promise<string> {
  const bytes = Uint8Array.from(atob(text.replaceAll('-', '+').replaceAll('_', '/')), (c) => c.charCodeAt(0));
  const reader = new Blob([bytes]).stream().pipeThrough(new DecompressionStream('deflate-raw')).pipeThrough(new TextDecoderStream()).getReader();
  let out = '';
  for (let read = await reader.read(); !read.done; read = await reader.read()) {
    out += read.value;
    if (out.length > LONGEST) {
      await reader.cancel();
      throw new Error('too long for a vector');
    }
  }
  return out;
}
