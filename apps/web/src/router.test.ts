// SPDX-License-Identifier: Apache-2.0
import { expect, it } from 'vitest';
import { labPath, parseRoute } from './router.ts';

it('a permalink names lab, profile, workload, token and step, and reads back the same', () => {
  const link = { profile: 'arm64', workload: 'two-frames', token: 'd1.abc_-', step: 21 };
  const path = labPath('coherent-is-not-ordered', link);
  const url = new URL(path, 'http://x');
  expect(parseRoute(url.pathname, url.search)).toEqual({ page: 'lab', id: 'coherent-is-not-ordered', link });
  expect(path).not.toContain('theme');
});

it('nonsense in the address is left out, not believed', () => {
  expect(parseRoute('/labs/x', '?step=-3&profile=')).toEqual({ page: 'lab', id: 'x', link: { profile: '' } });
  expect(parseRoute('/labs/x', '?step=1e99')).toMatchObject({ link: {} });
  expect(parseRoute('/labs/../etc', '')).toMatchObject({ page: 'missing' });
  expect(parseRoute('/', '')).toEqual({ page: 'catalogue' });
});

it('the walk page has an address of its own, and what is behind the # is its own business', () => {
  expect(parseRoute('/walk', '')).toEqual({ page: 'walk' });
  expect(parseRoute('/walk/', '?x=1')).toEqual({ page: 'walk' });
  expect(parseRoute('/walks', '')).toMatchObject({ page: 'missing' });
});
