"""`manage.py set_up`: tables, groups and demo, without starting anything. `manage.py up` does the same first."""

from django.core.management.base import BaseCommand

from workers.setup import set_up_database


class Command(BaseCommand):
    help = "Migrates the database, makes the groups and, with DEMO=1, adds the demo company. Safe to run again."

    def handle(self, *args: object, **options: object) -> None:
        for login in set_up_database(self.stdout.write):
            self.stdout.write(f"login: {login.username}  password: {login.password or '(as it was set before)'}")
