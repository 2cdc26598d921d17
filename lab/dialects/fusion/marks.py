"""What a recording has to know of Fusion's bodies (recordings.md §7)."""

from lab.dialects.marks import BodyMarks

MARKS = BodyMarks(
    ids={
        "jobId": "J", "conversationId": "K", "traceId": "T", "documentId": "D", "parseFileDocumentId": "D",
        "attachmentDocumentId": "D",
    },
    millis=frozenset({"startDate", "endTime"}),
    dates=frozenset({"createDate", "endDate"}),
    job=frozenset({"jobId", "workflowCode"}),
    telling=("status", "output", "error", "progressMessage", "waitingNodeDetails", "followUpQuestions"),
)  # fmt: skip
