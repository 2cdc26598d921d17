"""Which test covers which row of limits.md, 1 to 77: the audit, checked so that it can't go stale.

`t` is test_bad_transport, `r` test_bad_requests, `a` test_app, `c` test_control (all beside this file); `s` and `i` are
test_service and test_idempotency of the mock, `o` is test_oauth. In `r` and `o` every test runs in both profiles.
"""

import ast
from functools import cache
from pathlib import Path

from tests.conftest import each_row

HERE = Path(__file__).parent
MOCK, IDENTITY = HERE.parent / "mock", HERE.parent / "identity"
MODULES = {
    "t": HERE / "test_bad_transport.py", "r": HERE / "test_bad_requests.py", "a": HERE / "test_app.py",
    "c": HERE / "test_control.py", "s": MOCK / "test_service.py", "o": IDENTITY / "test_oauth.py",
    "i": MOCK / "test_idempotency.py",
}  # fmt: skip
PARSER = "t.test_what_the_parser_refuses_is_answered_400_without_an_echo"
SHELL = "t.test_what_the_shell_refuses_is_told_as_its_own"
TOKEN = "r.test_rows_29_to_38_the_token_endpoint_says_so_in_its_dialect"
FORGED = "r.test_rows_44_to_53_a_forged_token_is_invalid_token"
BODY = "r.test_rows_58_to_67_a_body_is_taken_or_named_at_fault"
ROWS: dict[int, str] = {
    1: PARSER, 2: f"{PARSER} t.test_tls_on_the_plain_port_is_told_what_to_do", 3: PARSER, 4: PARSER,
    5: "t.test_an_absolute_target_is_routed_by_its_path_and_any_host_is_served c.test_who_may_speak",
    6: PARSER, 7: PARSER,
    8: f"{SHELL} t.test_a_chunk_extension_of_a_megabyte_is_refused t.test_a_last_chunk_that_never_comes_is_408",
    9: PARSER, 10: PARSER, 11: PARSER, 12: PARSER,
    13: "t.test_half_a_head_is_cut t.test_half_a_later_head_is_cut", 14: "t.test_a_head_that_dribbles_is_cut",
    15: "t.test_a_body_that_stops_is_408", 16: SHELL,
    17: f"{SHELL} r.test_rows_17_and_65_a_body_of_a_mebibyte_and_one_more", 18: "t.test_a_bomb_is_stopped", 19: SHELL,
    20: f"{SHELL} t.test_expect_100_continue_is_met",
    21: "a.test_a_hundred_requests_in_a_pipeline_are_answered_in_order", 22: "t.test_accepting_pauses_and_goes_on",
    23: "a.test_a_peer_that_resets_while_its_reply_is_held_is_told_as_gone t.test_a_peer_that_resets_in_mid_body_harms_nobody",
    24: "t.test_a_half_closed_peer_is_still_answered r.test_rows_17_and_65_a_body_of_a_mebibyte_and_one_more",
    25: "t.test_other_methods_are_405_with_allow",
    26: f"{PARSER} t.test_other_methods_are_405_with_allow t.test_connect_is_refused", 27: SHELL,
    28: "t.test_an_absolute_target_is_routed_by_its_path_and_any_host_is_served",
    29: TOKEN, 30: TOKEN, 31: TOKEN, 32: TOKEN,
    33: f"{TOKEN} r.test_rows_33_and_35_a_colon_in_the_secret_and_any_spelling_of_basic", 34: TOKEN,
    35: "r.test_rows_33_and_35_a_colon_in_the_secret_and_any_spelling_of_basic", 36: TOKEN, 37: TOKEN,
    38: f"{TOKEN} s.test_a_request_may_name_a_lifetime",
    39: "r.test_row_39_of_one_refresh_token_twice_at_once_one_wins_and_the_family_ends",
    40: "o.test_rows_28_and_31_a_wrong_exchange_burns_the_code",
    41: "o.test_row_24_nothing_is_sent_where_nobody_registered",
    42: "o.test_row_24_nothing_is_sent_where_nobody_registered",
    43: "r.test_row_43_a_state_is_bounded_and_splits_no_header",
    44: FORGED, 45: FORGED, 46: f"{FORGED} r.test_row_46_a_key_named_in_a_token_is_never_fetched", 47: FORGED,
    48: f"{FORGED} s.test_a_token_is_good_until_its_exp_and_no_longer", 49: FORGED, 50: FORGED,
    51: FORGED, 52: FORGED,
    53: f"{FORGED} r.test_row_53_a_token_of_an_earlier_start_is_no_good o.test_row_21_a_second_use_ends_the_family",
    54: "r.test_row_54_a_token_beyond_a_header_line_is_the_parsers",
    55: "r.test_row_55_more_than_a_token_is_invalid_request "
        "r.test_row_55_two_headers_are_invalid_request_and_blanks_at_the_end_are_nothing",
    56: "o.test_rows_23_and_27_a_code_is_traded_for_tokens", 57: "r.test_row_57_a_scope_without_access_is_named",
    58: BODY, 59: BODY, 60: BODY, 61: BODY, 62: BODY, 63: BODY,
    64: f"{BODY} r.test_rows_64_and_65_hostile_text_is_echoed_as_data_and_recorded_whole",
    65: f"{BODY} r.test_rows_17_and_65_a_body_of_a_mebibyte_and_one_more "
        "r.test_rows_64_and_65_hostile_text_is_echoed_as_data_and_recorded_whole",
    66: f"{BODY} r.test_row_66_texts_for_other_types_are_noted_in_oci_and_refused_in_rfc",
    67: f"{BODY} s.test_an_unknown_field_is_refused_with_the_nearest_name",
    68: "r.test_row_68_another_content_type_is_415", 69: "r.test_row_69_an_odd_team_is_404 t.test_odd_paths_are_404",
    70: "r.test_row_70_a_job_is_shown_to_its_owner_alone_and_under_its_own_name",
    71: "r.test_row_71_a_conversation_belongs_to_its_owner_and_its_team s.test_conversations_are_threaded_by_owner_and_team",
    72: "i.test_the_same_key_and_request_gets_the_first_answer_whenever_it_comes "
        "i.test_another_request_under_a_used_key_is_refused i.test_while_the_first_reply_is_withheld_a_repeat_is_refused "
        "i.test_a_key_is_one_to_255_printable_ascii_characters",
    73: "r.test_row_73_many_invokes_have_ids_of_their_own",
    74: "r.test_row_74_a_job_polled_every_millisecond_answers_right",
    75: "c.test_row_75_refused_decisions_leave_the_journal_as_it_was c.test_row_75_after_patience_ran_out "
        "s.test_early_late_and_repeated_decisions_are_refused_with_the_reason",
    76: "c.test_row_76_a_hundred_decisions_at_once_have_one_winner a.test_a_hundred_decisions_at_once_have_one_winner",
    77: "r.test_row_77_in_one_millisecond_the_order_of_the_journal_decides",
}  # fmt: skip


@cache
def names_in(module: str) -> frozenset[str]:
    """The names of the tests that a module holds."""
    tree = ast.parse(MODULES[module].read_text())
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    return frozenset(node.name for node in ast.walk(tree) if isinstance(node, kinds) and node.name.startswith("test_"))


@each_row("row", range(1, 78))
def test_a_row_is_covered_by_tests_that_exist(row: int) -> None:
    for name in ROWS[row].split():
        module, _, test = name.partition(".")
        assert test in names_in(module), f"{MODULES[module].name} has no {test}"
