// SPDX-License-Identifier: Apache-2.0
/** One submission through the graders: compiled, graded once against everything, and projected for its student. */
import { canonicalJson } from '@dmalab/contracts/canonical';
import { Report } from '@dmalab/contracts/report';
import { toStudent } from '@dmalab/engine/report';
import type { GraderPool } from '@dmalab/grader/pool';
import type { Catalogue } from '../labs/catalogue.ts';
import type { Grade } from './submissions.ts';

export function gradeWith(pool: Pick<GraderPool, 'compile' | 'grade'>, catalogue: Catalogue): Grade {
  return async (id, text) => {
    const lab = catalogue.get(id)?.whole;
    if (lab === undefined) throw new Error(`the lab ${JSON.stringify(id)} is not served here any more`);
    const given = Object.fromEntries(Object.entries(lab.given).map(([name, source]) => [name, source.text]));
    const source = await pool.compile({ [lab.manifest.driver.file]: text }, given);
    const staff = Report.parse(await pool.grade({ lab, source, audience: 'staff' }));
    const student = toStudent(staff, lab);
    return { staff, student, bytes: { staff: canonicalJson(staff), student: canonicalJson(student) } };
  };
}
