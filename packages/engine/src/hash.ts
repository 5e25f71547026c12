// SPDX-License-Identifier: Apache-2.0
/**
 * SHA-256 (FIPS 180-4) in plain TypeScript: the engine runs in a browser worker
 * and hashes synchronously, which neither Node's crypto nor WebCrypto can give both.
 */

const K = roundConstants();

/** 64 lower-case hex digits of the SHA-256 of `data`; text counts as UTF-8. */
export function sha256(data: string | Uint8Array): string {
  const bytes = typeof data === 'string' ? utf8(data) : data;
  const blocks = (bytes.length + 9 + 63) >> 6;
  const padded = new Uint8Array(blocks * 64);
  padded.set(bytes);
  padded[bytes.length] = 0x80;
  const view = new DataView(padded.buffer);
  view.setUint32(padded.length - 8, Math.floor(bytes.length / 0x2000_0000));
  view.setUint32(padded.length - 4, (bytes.length << 3) >>> 0);

  const state = Uint32Array.of(0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19);
  const w = new Uint32Array(64);
  for (let at = 0; at < padded.length; at += 64) compress(state, w, view, at);
  return Array.from(state, (word) => word.toString(16).padStart(8, '0')).join('');
}

/** Hash of named texts: neither the order of the keys nor a shifted boundary between them can collide. */
export function hashFiles(files: Readonly<Record<string, string>>): string {
  const names = Object.keys(files).sort();
  return sha256(names.map((name) => `${name.length}:${name}${(files[name] ?? '').length}:${files[name] ?? ''}`).join(''));
}

function compress(state: Uint32Array, w: Uint32Array, view: DataView, at: number): void {
  for (let i = 0; i < 16; i += 1) w[i] = view.getUint32(at + i * 4);
  for (let i = 16; i < 64; i += 1) {
    const x = w[i - 15]!;
    const y = w[i - 2]!;
    const s0 = rotr(x, 7) ^ rotr(x, 18) ^ (x >>> 3);
    const s1 = rotr(y, 17) ^ rotr(y, 19) ^ (y >>> 10);
    w[i] = w[i - 16]! + s0 + w[i - 7]! + s1;
  }
  let [a, b, c, d, e, f, g, h] = state as unknown as [number, number, number, number, number, number, number, number];
  for (let i = 0; i < 64; i += 1) {
    const t1 = (h + (rotr(e, 6) ^ rotr(e, 11) ^ rotr(e, 25)) + ((e & f) ^ (~e & g)) + K[i]! + w[i]!) | 0;
    const t2 = ((rotr(a, 2) ^ rotr(a, 13) ^ rotr(a, 22)) + ((a & b) ^ (a & c) ^ (b & c))) | 0;
    h = g;
    g = f;
    f = e;
    e = (d + t1) | 0;
    d = c;
    c = b;
    b = a;
    a = (t1 + t2) | 0;
  }
  const sums = [a, b, c, d, e, f, g, h];
  for (let i = 0; i < 8; i += 1) state[i] = state[i]! + sums[i]!;
}

function rotr(x: number, n: number): number {
  return (x >>> n) | (x << (32 - n));
}

/** First 32 bits of the fractional parts of the cube roots of the first 64 primes (§4.2.2), found by integer arithmetic. */
function roundConstants(): Uint32Array {
  const out = new Uint32Array(64);
  for (let candidate = 2, found = 0; found < 64; candidate += 1) {
    let prime = true;
    for (let d = 2; d * d <= candidate; d += 1) if (candidate % d === 0) prime = false;
    if (!prime) continue;
    // floor(cbrt(p) · 2^32) mod 2^32 = floor(cbrt(p · 2^96)) mod 2^32
    const target = BigInt(candidate) << 96n;
    let low = 0n;
    let high = 1n << 36n;
    while (low < high) {
      const middle = (low + high + 1n) >> 1n;
      if (middle * middle * middle <= target) low = middle;
      else high = middle - 1n;
    }
    out[found] = Number(low & 0xffff_ffffn);
    found += 1;
  }
  return out;
}

/** UTF-8 without TextEncoder (not part of the ES library); a lone surrogate becomes U+FFFD as there. */
export function utf8(text: string): Uint8Array {
  const out = new Uint8Array(text.length * 3);
  let n = 0;
  for (const char of text) {
    let code = char.codePointAt(0)!;
    if (code >= 0xd800 && code <= 0xdfff) code = 0xfffd;
    if (code < 0x80) out[n++] = code;
    else if (code < 0x800) {
      out[n++] = 0xc0 | (code >> 6);
      out[n++] = 0x80 | (code & 63);
    } else if (code < 0x1_0000) {
      out[n++] = 0xe0 | (code >> 12);
      out[n++] = 0x80 | ((code >> 6) & 63);
      out[n++] = 0x80 | (code & 63);
    } else {
      out[n++] = 0xf0 | (code >> 18);
      out[n++] = 0x80 | ((code >> 12) & 63);
      out[n++] = 0x80 | ((code >> 6) & 63);
      out[n++] = 0x80 | (code & 63);
    }
  }
  return out.subarray(0, n);
}
