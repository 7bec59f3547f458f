"""People who log in: agents, admins, and others."""

from django.contrib.auth.models import Group, User
from django.test import Client

PASSWORD = "a password for tests"


def make_user(name: str, group: str | None = None) -> User:
    user = User.objects.create_user(name, password=PASSWORD)
    if group:
        user.groups.add(Group.objects.get_or_create(name=group)[0])
    return user


def logged_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client
