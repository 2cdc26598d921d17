"""All rules for clients, in their order (clients.md §5)."""

from lab.report.failures import FAILURE_RULES
from lab.report.messages import MESSAGE_RULES
from lab.report.polls import POLL_RULES
from lab.report.rule import ClientRule
from lab.report.tokens import TOKEN_RULES
from lab.report.transport import TRANSPORT_RULES

RULES: tuple[ClientRule, ...] = (*TOKEN_RULES, *MESSAGE_RULES, *POLL_RULES, *FAILURE_RULES, *TRANSPORT_RULES)
RULE_OF = {rule.id: rule for rule in RULES}
"""By id."""
