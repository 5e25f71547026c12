-- What was graded and what was logged stays as it is, whoever asks.
CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	RAISE EXCEPTION 'rows of % are never changed or removed', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END;
$$;
--> statement-breakpoint
CREATE TRIGGER results_are_immutable BEFORE UPDATE OR DELETE ON "results" FOR EACH ROW EXECUTE FUNCTION refuse_change();
--> statement-breakpoint
CREATE TRIGGER results_are_not_truncated BEFORE TRUNCATE ON "results" FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
--> statement-breakpoint
CREATE TRIGGER audit_log_is_immutable BEFORE UPDATE OR DELETE ON "audit_log" FOR EACH ROW EXECUTE FUNCTION refuse_change();
--> statement-breakpoint
CREATE TRIGGER audit_log_is_not_truncated BEFORE TRUNCATE ON "audit_log" FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
--> statement-breakpoint
ALTER TABLE "people" ADD CONSTRAINT "people_role" CHECK ("role" IN ('student', 'staff', 'owner'));
--> statement-breakpoint
ALTER TABLE "submissions" ADD CONSTRAINT "submissions_state_value" CHECK ("state" IN ('queued', 'running', 'done', 'failed'));
