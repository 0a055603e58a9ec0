"""What a process runs in and on: its container, and the uncommitted changes of its code."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from fr_recorder.code_state import CodeState, GitQuestion
from fr_recorder.container import container_id, container_image, this_container

ID = "3f" * 32
OTHER = "a0" * 32
DOCKER = (
    f"612 611 0:55 / /proc rw - proc proc rw\n640 611 254:1 /docker/containers/{ID}/hostname /etc/hostname rw,relatime - ext4 /dev/vda1 rw"
)
PODMAN = f"7 6 0:40 /containers/overlay-containers/{ID}/userdata/hosts /etc/hosts rw - tmpfs tmpfs rw"
DOCKER_HOST = f"9 8 0:60 / /var/lib/docker/containers/{ID}/mounts/shm rw - tmpfs shm rw"
KUBERNETES = f"640 611 254:1 /var/lib/containerd/io.containerd.grpc.v1.cri/sandboxes/{OTHER}/hostname /etc/hostname rw - ext4 /dev/vda1 rw"

CONTAINERS = (
    ("docker", DOCKER, "0::/", ID),
    ("podman", PODMAN, "", ID),
    ("a host that runs containers is in none", DOCKER_HOST, "0::/user.slice/session-1.scope", None),
    ("kubernetes, group namespace", KUBERNETES, "0::/", None),
    ("kubernetes, groups seen", KUBERNETES, f"0::/kubepods.slice/kubepods-pod1.slice/cri-containerd-{ID}.scope", ID),
    ("groups of version 1", "", f"12:pids:/docker/{ID}\n0::/system.slice", ID),
    ("a longer number is no id", "", f"0::/x/{ID}0", None),
    ("nothing", "", "", None),
    ("broken", "one two\n\x00", "::::\n:", None),
)


@pytest.mark.parametrize(("mounts", "groups", "expected"), [row[1:] for row in CONTAINERS], ids=[row[0] for row in CONTAINERS])
def test_container_is_named_where_it_is_this_process_s_own(mounts: str, groups: str, expected: str | None) -> None:
    """A pod's sandbox and a host's containers are others."""
    assert container_id(mounts, groups) == expected


IMAGES = (
    ({}, None),
    ({"FR_CONTAINER_IMAGE": "repo/app@sha256:1"}, "repo/app@sha256:1"),
    ({"OTEL_RESOURCE_ATTRIBUTES": "service.name=x, container.image.name=repo/app , container.image.tags=1.2"}, "repo/app:1.2"),
    ({"OTEL_RESOURCE_ATTRIBUTES": "container.image.name=repo/app"}, "repo/app"),
    ({"OTEL_RESOURCE_ATTRIBUTES": "container.image.tags=1.2"}, None),
    ({"OTEL_RESOURCE_ATTRIBUTES": "nonsense,=,"}, None),
    ({"FR_CONTAINER_IMAGE": "a", "OTEL_RESOURCE_ATTRIBUTES": "container.image.name=b"}, "a"),
)


@pytest.mark.parametrize(("env", "expected"), IMAGES)
def test_image_is_what_the_environment_says(env: dict[str, str], expected: str | None) -> None:
    """Our variable before OpenTelemetry's."""
    assert container_image(env) == expected


def test_this_process_can_be_asked() -> None:
    """Whatever it runs in."""
    assert this_container().keys() <= {"id", "image"}


def git(folder: Path, *words: str) -> None:
    subprocess.run(
        ["git", "-c", "user.name=a", "-c", "user.email=a@b.example", "-c", "commit.gpgsign=false", *words],
        cwd=folder,
        check=True,
        capture_output=True,
    )


def state(folder: Path, key: bytes = b"k" * 16) -> CodeState:
    question = GitQuestion(["python", str(folder / "agent.py")])
    try:
        return question.answer(key)
    finally:
        question.stop()


def test_uncommitted_changes_have_a_keyed_hash(tmp_path: Path) -> None:
    """Equal changes, equal hash; another change, key or none, another or none. What git does not follow does not count."""
    script = tmp_path / "agent.py"
    script.write_text("print(1)\n")
    assert state(tmp_path) == CodeState() or (Path(tmp_path.anchor) / ".git").exists()
    git(tmp_path, "init", "-q")
    assert state(tmp_path) == CodeState()
    git(tmp_path, "add", "agent.py")
    git(tmp_path, "commit", "-qm", "one")
    clean = state(tmp_path)
    assert clean.commit is not None and (clean.dirty, clean.diff) == (False, None)
    (tmp_path / "notes.txt").write_text("not followed")
    assert state(tmp_path) == clean
    script.write_text("print(2)\n")
    changed = state(tmp_path)
    assert (changed.commit, changed.dirty) == (clean.commit, True) and changed.diff is not None and len(changed.diff) == 32
    assert state(tmp_path) == changed and state(tmp_path, b"x" * 16).diff != changed.diff
    script.write_text("print(3)\n")
    assert state(tmp_path).diff not in (None, changed.diff)
