// SPDX-License-Identifier: Apache-2.0
/**
 * Who somebody is. In local mode there is one owner, who signs in by a link
 * printed at start. A link works once; a session lasts a month and lives in a
 * cookie that scripts cannot read.
 */
import { randomUUID } from 'node:crypto';
import { and, eq, gt, isNull, lt, sql } from 'drizzle-orm';
import type { Database } from '../store/store.ts';
import { auditLog, people, sessions, signInLinks, type Role } from '../store/schema.ts';
import { hashOf, newSecret } from './secret.ts';

export interface Person {
  readonly id: string;
  readonly name: string;
  readonly role: Role;
}

export const SESSION_DAYS = 30;
const LINK_HOURS = 24;

export class People {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  /** The owner of a local installation, made on first use. */
  async owner(): Promise<Person> {
    return this.#db.transaction(async (tx) => {
      await tx.execute(sql`lock table ${people} in share row exclusive mode`); // two servers may start at once
      const [known] = await tx.select().from(people).where(eq(people.role, 'owner')).orderBy(people.createdAt).limit(1);
      if (known !== undefined) return known;
      const owner: Person = { id: randomUUID(), name: 'Owner', role: 'owner' };
      await tx.insert(people).values(owner);
      await tx.insert(auditLog).values({ personId: owner.id, action: 'person.created', detail: { role: 'owner' } });
      return owner;
    });
  }

  /** A secret that signs `person` in once, within a day. */
  async createLink(person: Person): Promise<string> {
    const secret = newSecret();
    await this.#db.transaction(async (tx) => {
      await tx.delete(signInLinks).where(lt(signInLinks.expiresAt, sql`now()`));
      await tx.insert(signInLinks).values({ tokenHash: hashOf(secret), personId: person.id, expiresAt: sql`now() + make_interval(hours => ${LINK_HOURS})` });
      await tx.insert(auditLog).values({ personId: person.id, action: 'link.created', detail: {} });
    });
    return secret;
  }

  /** Uses a link up. @returns the secret of a new session, or undefined when the link is unknown, used or too old */
  async signIn(link: string): Promise<string | undefined> {
    return this.#db.transaction(async (tx) => {
      const [used] = await tx
        .update(signInLinks)
        .set({ usedAt: sql`now()` })
        .where(and(eq(signInLinks.tokenHash, hashOf(link)), isNull(signInLinks.usedAt), gt(signInLinks.expiresAt, sql`now()`)))
        .returning();
      if (used === undefined) return undefined;
      const secret = newSecret();
      await tx.delete(sessions).where(lt(sessions.expiresAt, sql`now()`));
      await tx.insert(sessions).values({ tokenHash: hashOf(secret), personId: used.personId, expiresAt: sql`now() + make_interval(days => ${SESSION_DAYS})` });
      await tx.insert(auditLog).values({ personId: used.personId, action: 'session.created', detail: {} });
      return secret;
    });
  }

  /** Whose session this is. */
  async bySession(secret: string): Promise<Person | undefined> {
    const [found] = await this.#db
      .select({ id: people.id, name: people.name, role: people.role })
      .from(sessions)
      .innerJoin(people, eq(people.id, sessions.personId))
      .where(and(eq(sessions.tokenHash, hashOf(secret)), gt(sessions.expiresAt, sql`now()`)));
    return found;
  }

  async signOut(secret: string): Promise<void> {
    await this.#db.transaction(async (tx) => {
      const [ended] = await tx.delete(sessions).where(eq(sessions.tokenHash, hashOf(secret))).returning();
      if (ended !== undefined) await tx.insert(auditLog).values({ personId: ended.personId, action: 'session.ended', detail: {} });
    });
  }
}
