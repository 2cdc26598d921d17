"""What a stream tells of a task after it: its updates, as they are made and as they add up (contract.md §9).

Both halves of the wire have them: what the server leaves out of a Task, the client puts into one.
"""

from lab.core.exchange import Json

STATUS_UPDATE = "status-update"
ARTIFACT_UPDATE = "artifact-update"
UPDATES = (STATUS_UPDATE, ARTIFACT_UPDATE)
"""Their kinds."""


def status_update(task: dict[str, Json], status: Json, *, final: bool) -> dict[str, Json]:
    """A task has come to this status; `final`: no event follows."""
    return {"kind": STATUS_UPDATE, **_whose(task), "status": status, "final": final}


def artifact_update(task: dict[str, Json], artifact: Json) -> dict[str, Json]:
    """A task has made this artifact, which comes whole."""
    return {"kind": ARTIFACT_UPDATE, **_whose(task), "artifact": artifact, "append": False, "lastChunk": True}


def _whose(task: dict[str, Json]) -> dict[str, Json]:
    return {"taskId": task["id"], "contextId": task["contextId"]}


def updated(task: dict[str, Json], result: dict[str, Json]) -> dict[str, Json]:
    """The task, of which nothing may be known yet, after one more event's `result`; another task's changes nothing.

    Some servers send the whole task each time.
    """
    kind = result.get("kind", "task")
    if kind == "task":
        return result
    if kind not in UPDATES or (task and task.get("id") != result.get("taskId")):
        return task
    known = task or {"kind": "task", "id": result.get("taskId"), "contextId": result.get("contextId")}
    if kind == STATUS_UPDATE:
        return {**known, "status": result.get("status")}
    return {**known, "artifacts": _with(known.get("artifacts"), result)}


def _with(artifacts: Json, update: dict[str, Json]) -> list[Json]:
    """The artifacts with one more, or one of them in its new form, or with what is appended to it."""
    new, found = update.get("artifact"), list(artifacts) if isinstance(artifacts, list) else []
    if not isinstance(new, dict):
        return found
    for place, each in enumerate(found):
        if isinstance(each, dict) and each.get("artifactId") == new.get("artifactId"):
            joined = [*_parts(each), *_parts(new)] if update.get("append") is True else _parts(new)
            found[place] = {**each, **new, "parts": joined}
            return found
    return [*found, new]


def _parts(artifact: dict[str, Json]) -> list[Json]:
    parts = artifact.get("parts")
    return parts if isinstance(parts, list) else []
