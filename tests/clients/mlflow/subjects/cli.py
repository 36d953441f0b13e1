"""The `mlflow` command, in this process: what is asked of a server is the same, and it starts at once."""

import re

from click.testing import CliRunner
from mlflow.cli import cli

from server import Server


def _said(*arguments: str) -> list:
    done = CliRunner().invoke(cli, arguments)
    # Columns are as wide as what stands in them.
    return [done.exit_code, [re.sub(r"[ -]{2,}", "  ", line).strip() for line in done.stdout.splitlines()]]


def commands(server: Server):
    name = server.name("cli")
    created = _said("experiments", "create", "-n", name)
    experiment = server.client.get_experiment_by_name(name).experiment_id
    run = server.client.create_run(experiment, run_name="by hand").info.run_id
    server.client.log_text(run, "text", "folder/a.txt")
    listed = _said("artifacts", "list", "-r", run, "-a", "folder")
    described = _said("runs", "describe", "--run-id", run)
    runs = _said("runs", "list", "--experiment-id", experiment)
    _said("artifacts", "log-artifact", "-l", str(server.file("b.txt")), "-r", run)
    _said("artifacts", "download", "-r", run, "-a", "b.txt", "-d", str(server.folder / "down"))
    downloaded = (server.folder / "down/b.txt").read_text()
    renamed = _said("experiments", "rename", "-x", experiment, "--new-name", server.name("renamed"))
    deleted = [_said("runs", "delete", "--run-id", run), _said("runs", "restore", "--run-id", run)]
    gone = [_said("experiments", "delete", "-x", experiment), _said("experiments", "restore", "-x", experiment)]
    table = server.folder / "runs.csv"
    exported = _said("experiments", "csv", "-x", experiment, "-o", str(table))
    return [
        [said[0] for said in (created, described, runs, renamed, *deleted, *gone, exported)],
        listed,
        downloaded,
        sorted(table.read_text().splitlines()[0].split(",")),
        _said("experiments", "create", "-n", server.name("renamed"))[0],
        _said("runs", "describe", "--run-id", "0" * 32)[0],
    ]
