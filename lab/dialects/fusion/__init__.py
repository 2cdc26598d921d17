"""Fusion's invocation API, as Oracle's agents are called (contract.md §2 to §8)."""

from lab.dialects.fusion.client import FusionClient
from lab.dialects.fusion.fidelity import ERRORS, FIELDS, SURROUNDINGS
from lab.dialects.fusion.missing_paths import missing
from lab.dialects.fusion.routes import FUSION_ROUTES, POD_TOKENS, fusion_path
from lab.dialects.fusion.server import FUSION
from lab.dialects.wire import BodyMarks, Wire

_MARKS = BodyMarks(
    ids={
        "jobId": "J", "conversationId": "K", "traceId": "T", "documentId": "D", "parseFileDocumentId": "D",
        "attachmentDocumentId": "D",
    },
    codes=frozenset({"callbackToken"}),
    millis=frozenset({"startDate", "endTime"}),
    dates=frozenset({"createDate", "endDate"}),
    generated=frozenset({
        "output", "progressMessage", "error", "followUpQuestions", "initialMessage", "requestChangeMessage",
        "maxIterationMessage", "timeTaken", "inputTokenCount", "outputTokenCount",
    }),
    job=frozenset({"jobId", "workflowCode"}),
    telling=("status", "output", "error", "progressMessage", "waitingNodeDetails", "followUpQuestions"),
    own=frozenset({"status", "type", "event", "role"}),
)  # fmt: skip
"""What a recording has to know of its bodies (recordings.md §7)."""
FUSION_CLIENT = FusionClient()
WIRE = Wire(
    "fusion", __name__, FUSION, FUSION_ROUTES, FUSION_CLIENT, FIELDS, ERRORS, missing, POD_TOKENS, SURROUNDINGS, _MARKS
)
__all__ = ["WIRE", "fusion_path"]
