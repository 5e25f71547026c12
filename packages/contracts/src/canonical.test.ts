// SPDX-License-Identifier: Apache-2.0
import { expect, it } from 'vitest';
import { canonicalJson } from './canonical.ts';

it('the order in which keys were set does not show', () => {
  expect(canonicalJson({ b: 1, a: [true, null, 'x'], c: undefined })).toBe('{"a":[true,null,"x"],"b":1}');
  expect(canonicalJson({ a: [true, null, 'x'], b: 1 })).toBe(canonicalJson({ b: 1, a: [true, null, 'x'] }));
});

it('a fraction is refused, with its place', () => {
  expect(() => canonicalJson({ a: [1, 0.5] })).toThrow('value.a[1] is 0.5');
});

it('minus zero is zero', () => {
  expect(canonicalJson([-0])).toBe('[0]');
});

it('spread over lines it parses to the same value', () => {
  const value = { b: [], a: { y: 1, x: [1, 2] } };
  expect(JSON.parse(canonicalJson(value, 2))).toEqual(value);
  expect(canonicalJson(value, 2)).toBe('{\n  "a": {\n    "x": [\n      1,\n      2\n    ],\n    "y": 1\n  },\n  "b": []\n}');
});
