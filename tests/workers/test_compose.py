"""docker-compose.yml, read by Docker itself where it is installed. It starts no container."""

import json
import shutil
import subprocess

import pytest
from django.conf import settings

from workers.processes import site_processes

SECRETS = {"SECRET_KEY": "s", "POSTGRES_PASSWORD": "p", "REDIS_PASSWORD": "r"}
TOOLS = (["docker", "compose"], ["docker-compose"])


@pytest.fixture
def compose() -> list[str]:
    for tool in TOOLS:
        if shutil.which(tool[0]) and subprocess.run([*tool, "version"], capture_output=True).returncode == 0:
            return tool
    pytest.skip("NOT TESTED: docker compose is missing")  # also in CI: the image of a gate seldom holds Docker


def read_config(compose: list[str], **environment: str) -> subprocess.CompletedProcess[str]:
    command = [*compose, "-f", str(settings.BASE_DIR / "docker-compose.yml"), "config"]
    environment = {"PATH": "/usr/local/bin:/usr/bin:/bin", **environment}
    return subprocess.run(command, env=environment, capture_output=True, text=True)


def test_docker_compose_accepts_the_file(compose):
    config = read_config(compose, **SECRETS)
    assert config.returncode == 0, config.stderr
    for service in ("set-up", "web", "reply-worker", "analysis-worker", "beat", "redis", "postgres"):
        assert f"  {service}:" in config.stdout
    assert "capabilities:" in config.stdout


@pytest.mark.parametrize("name", SECRETS)
def test_no_secret_has_a_default(compose, name):
    config = read_config(compose, **{key: value for key, value in SECRETS.items() if key != name})
    assert config.returncode != 0
    assert name in config.stderr


def test_the_services_run_what_the_supervisor_runs():
    """Both lists are written by hand; an option that one of them misses would show only under load."""
    text = (settings.BASE_DIR / "docker-compose.yml").read_text()
    for process in site_processes(embedded_redis=None, port=8000):
        for option in process.command[3:]:
            if option.startswith("--with") or option in ("webui.asgi:application", "workers.celery_app"):
                assert option in text, json.dumps(process.command)
