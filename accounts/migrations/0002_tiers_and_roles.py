"""The tiers and roles to begin with; the first are for operators to change, the second not."""

from __future__ import annotations

from django.db import migrations

# name: documents a minute, a day; texts a batch, characters a text; rows of a job, jobs at once
TIERS = {
    "free": (60, 1_000, 25, 5_000, 1_000, 1),
    "standard": (3_000, 500_000, 100, 20_000, 100_000, 2),
    "pro": (12_000, 5_000_000, 100, 20_000, 1_000_000, 5),
    "internal": (None, None, 100, 20_000, 10_000_000, 10),
}
FIELDS = (
    "documents_per_minute",
    "documents_per_day",
    "texts_per_batch",
    "characters_per_text",
    "bulk_job_rows",
    "concurrent_jobs",
)
ROLES = ("viewer", "operator", "owner")


def create(apps, schema_editor):
    Tier = apps.get_model("accounts", "Tier")
    for name, limits in TIERS.items():
        Tier.objects.get_or_create(name=name, defaults=dict(zip(FIELDS, limits, strict=True)))
    Group = apps.get_model("auth", "Group")
    for role in ROLES:
        Group.objects.get_or_create(name=role)


class Migration(migrations.Migration):
    dependencies = [("accounts", "0001_initial"), ("auth", "0012_alter_user_first_name_max_length")]

    operations = [migrations.RunPython(create, migrations.RunPython.noop)]
