from django.db import migrations

from chatbot.inbox import index


def install(apps, schema_editor):
    index.install(schema_editor.connection)


def uninstall(apps, schema_editor):
    index.uninstall(schema_editor.connection)


class Migration(migrations.Migration):

    dependencies = [
        ("inbox", "0001_initial"),
        ("conversations", "0003_inbox_indexes"),
    ]

    operations = [migrations.RunPython(install, uninstall)]
