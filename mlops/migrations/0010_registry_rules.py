"""Gates to begin with, champions of what serves, and rules that PostgreSQL keeps by itself."""

from __future__ import annotations

from django.db import migrations

GATES = (
    ("f1_macro", 0.005, 0.95),
    ("calibration_error", 0.05, 0.95),
    ("latency_p95", 1.5, 0.95),
    ("memory", 2000.0, 0.95),
    ("behaviour", 0.7, 0.95),
)

FORWARDS = """
CREATE FUNCTION mlops_modelevent_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'events of versions are append-only';
END $$;
CREATE TRIGGER mlops_modelevent_append_only BEFORE UPDATE OR DELETE ON mlops_modelevent
    FOR EACH STATEMENT EXECUTE FUNCTION mlops_modelevent_refuse();
CREATE FUNCTION mlops_modelversion_status() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (OLD.status, NEW.status) NOT IN (
        ('draft', 'validated'), ('draft', 'failed'), ('draft', 'archived'),
        ('validated', 'production'), ('validated', 'archived'), ('validated', 'failed'),
        ('production', 'validated'), ('archived', 'validated'), ('failed', 'archived')
    ) THEN
        RAISE EXCEPTION 'a version cannot go from % to %', OLD.status, NEW.status
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER mlops_modelversion_status BEFORE UPDATE OF status ON mlops_modelversion
    FOR EACH ROW WHEN (OLD.status <> NEW.status) EXECUTE FUNCTION mlops_modelversion_status();
"""
BACKWARDS = """
DROP TRIGGER mlops_modelversion_status ON mlops_modelversion;
DROP FUNCTION mlops_modelversion_status();
DROP TRIGGER mlops_modelevent_append_only ON mlops_modelevent;
DROP FUNCTION mlops_modelevent_refuse();
"""


def begin(apps, schema_editor):
    gates = apps.get_model("mlops", "PromotionGate")
    for metric, limit, confidence in GATES:
        gates.objects.get_or_create(
            metric=metric, defaults={"limit": limit, "confidence": confidence}
        )
    aliases = apps.get_model("mlops", "VersionAlias")
    for version in apps.get_model("mlops", "ModelVersion").objects.filter(status="production"):
        aliases.objects.get_or_create(
            model_id=version.model_id, name="champion", defaults={"version": version}
        )


def run(sql):
    def on_postgresql(apps, schema_editor):
        # SQLite drops triggers whenever it alters a table; the services and constraints hold there.
        if schema_editor.connection.vendor == "postgresql":
            schema_editor.execute(sql, params=None)

    return on_postgresql


class Migration(migrations.Migration):
    dependencies = [("mlops", "0009_registry")]

    operations = [
        migrations.RunPython(begin, migrations.RunPython.noop),
        migrations.RunPython(run(FORWARDS), run(BACKWARDS)),
    ]
