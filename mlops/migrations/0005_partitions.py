"""The request log by month on PostgreSQL; elsewhere it stays the plain table that it is."""

from __future__ import annotations

from datetime import UTC, datetime

from django.db import migrations

from mlops.log.partitions import is_partitioned, table_convert, table_merge


def convert(apps, schema_editor):
    connection = schema_editor.connection
    if connection.vendor == "postgresql" and not is_partitioned(connection):
        table_convert(connection, today=datetime.now(UTC).date(), ahead=3)


def merge(apps, schema_editor):
    if is_partitioned(schema_editor.connection):
        table_merge(schema_editor.connection)


class Migration(migrations.Migration):
    dependencies = [("mlops", "0004_request_log")]

    operations = [migrations.RunPython(convert, merge)]
