"""The audit trail can only be added to, also by whoever has the database's password."""

from __future__ import annotations

from django.db import migrations

FORWARDS = """
CREATE FUNCTION accounts_auditevent_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the audit trail is append-only';
END $$;
CREATE TRIGGER accounts_auditevent_append_only BEFORE UPDATE OR DELETE ON accounts_auditevent
    FOR EACH STATEMENT EXECUTE FUNCTION accounts_auditevent_refuse();
"""
BACKWARDS = """
DROP TRIGGER accounts_auditevent_append_only ON accounts_auditevent;
DROP FUNCTION accounts_auditevent_refuse();
"""


def run(sql):
    def on_postgresql(apps, schema_editor):
        # SQLite drops triggers whenever it alters a table; its file is its owner's anyway.
        if schema_editor.connection.vendor == "postgresql":
            schema_editor.execute(sql, params=None)

    return on_postgresql


class Migration(migrations.Migration):
    dependencies = [("accounts", "0002_tiers_and_roles")]

    operations = [migrations.RunPython(run(FORWARDS), run(BACKWARDS))]
