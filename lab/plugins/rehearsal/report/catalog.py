"""All rules for clients, in their order (clients.md §5)."""

from lab.plugins.rehearsal.report.failures import FAILURE_RULES
from lab.plugins.rehearsal.report.messages import MESSAGE_RULES
from lab.plugins.rehearsal.report.polls import POLL_RULES
from lab.plugins.rehearsal.report.rule import ClientRule
from lab.plugins.rehearsal.report.tokens import TOKEN_RULES
from lab.plugins.rehearsal.report.transport import TRANSPORT_RULES

RULES: tuple[ClientRule, ...] = (*TOKEN_RULES, *MESSAGE_RULES, *POLL_RULES, *FAILURE_RULES, *TRANSPORT_RULES)
RULE_OF = {rule.id: rule for rule in RULES}
"""By id."""
