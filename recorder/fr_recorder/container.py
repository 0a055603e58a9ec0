"""Which container the process runs in, as far as the kernel and the environment tell."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping

__all__ = ["container_id", "container_image", "this_container"]

_ID = re.compile(r"(?<![0-9a-f])[0-9a-f]{64}(?![0-9a-f])")
_OF_THE_CONTAINER = frozenset(("/etc/hostname", "/etc/hosts", "/etc/resolv.conf"))
"""Files that Docker and Podman mount from the container's own folder."""

_SANDBOXES = "/sandboxes/"
"""Under Kubernetes these come from the folder of the pod's sandbox, whose id is another one."""


def container_id(mounts: str, groups: str) -> str | None:
    """The container's id, 64 hex digits; None outside of one, and where neither tells.

    Args:
        mounts: ``/proc/self/mountinfo`` (proc(5): the fourth field is the root of the mount, the fifth the mount point).
        groups: ``/proc/self/cgroup``, which names the container where it is not hidden by a namespace.
    """
    for line in mounts.splitlines():
        fields = line.split()
        # The host sees mounts of its containers too, but not over its own files.
        if len(fields) > 4 and fields[4] in _OF_THE_CONTAINER and _SANDBOXES not in fields[3]:
            found = _ID.search(fields[3])
            if found:
                return found[0]
    for line in groups.splitlines():
        found = _ID.search(line.rpartition(":")[2])
        if found:
            return found[0]
    return None


def container_image(env: Mapping[str, str]) -> str | None:
    """The image, which the kernel does not know: ``FR_CONTAINER_IMAGE``, else what OpenTelemetry's resource attributes say.

    Source of the names: OpenTelemetry semantic conventions, resource attributes of containers.
    """
    given = env.get("FR_CONTAINER_IMAGE")
    if given:
        return given
    pairs = (pair.partition("=") for pair in env.get("OTEL_RESOURCE_ATTRIBUTES", "").split(","))
    attributes = {name.strip(): value.strip() for name, _, value in pairs}
    name = attributes.get("container.image.name")
    tag = attributes.get("container.image.tags") or attributes.get("container.image.tag")
    return f"{name}:{tag}" if name and tag else name or None


def this_container() -> dict[str, str]:
    """``id`` and ``image`` of the container of this process, as far as they are known."""
    found = {"id": container_id(_read("/proc/self/mountinfo"), _read("/proc/self/cgroup")), "image": container_image(os.environ)}
    return {name: value for name, value in found.items() if value is not None}


def _read(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError:
        return ""
