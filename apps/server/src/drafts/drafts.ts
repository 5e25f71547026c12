// SPDX-License-Identifier: Apache-2.0
/** Drafts, saved as typed. Versions count up: what an older tab sends late never overwrites newer text. */
import { and, eq, lt, or, sql } from 'drizzle-orm';
import { drafts } from '../store/schema.ts';
import type { Database } from '../store/store.ts';

export interface Draft {
  readonly text: string;
  readonly version: number;
}
export type Saved = { readonly kind: 'saved'; readonly version: number } | { readonly kind: 'older'; readonly version: number };

export class Drafts {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  async read(personId: string, lab: string): Promise<Draft | undefined> {
    const [draft] = await this.#db
      .select({ text: drafts.text, version: drafts.version })
      .from(drafts)
      .where(and(eq(drafts.personId, personId), eq(drafts.lab, lab)));
    return draft;
  }

  /** Saving the same again is fine: a client that saw no answer repeats itself. */
  async save(personId: string, lab: string, text: string, version: number): Promise<Saved> {
    const [saved] = await this.#db
      .insert(drafts)
      .values({ personId, lab, text, version })
      .onConflictDoUpdate({
        target: [drafts.personId, drafts.lab],
        set: { text, version, savedAt: sql`now()` },
        setWhere: or(lt(drafts.version, version), and(eq(drafts.version, version), eq(drafts.text, text))),
      })
      .returning({ version: drafts.version });
    if (saved !== undefined) return { kind: 'saved', version: saved.version };
    return { kind: 'older', version: (await this.read(personId, lab))?.version ?? version };
  }
}
