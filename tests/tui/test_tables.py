"""Tables of an output: no word is broken, figures stand below each other, what is too narrow is turned."""

from hypothesis import given
from hypothesis import strategies as st

from lab.tui.rows.formats import markdown
from lab.tui.rows.spans import plain, width
from tests.tui import play

CELLS = st.text(alphabet="ab1.,-é", min_size=1, max_size=9)
TEXTS = st.lists(CELLS, min_size=1, max_size=4).map(" ".join)
COLUMNS = st.integers(1, 5)


def shown(text: str, inner: int) -> list[str]:
    return [plain(line).rstrip() for line in markdown(text, inner)]


@given(st.data(), COLUMNS, st.integers(12, 70))
def test_no_word_of_a_cell_is_broken_or_lost_at_any_width(data: st.DataObject, columns: int, inner: int) -> None:
    grid = data.draw(st.lists(st.lists(TEXTS, min_size=columns, max_size=columns), min_size=2, max_size=5))
    lines = ["| " + " | ".join(cells) + " |" for cells in (grid[0], ["---"] * columns, *grid[1:])]
    drawn = markdown("\n".join(lines), inner)
    assert all(width(line) <= inner for line in drawn)
    found = " ".join(map(plain, drawn)).split()
    for word in " ".join(text for cells in grid[1:] for text in cells).split():
        assert word in found


def test_figures_stand_at_the_right_and_words_at_the_left_unless_the_author_says() -> None:
    drawn = shown("|Part|Price|Note|\n|--|--|--:|\n|Bolt|9.5|a|\n|Nut, long|-12|bc|", 60)
    assert [" ".join(line.split()) for line in drawn] == ["Part Price Note", drawn[1], "Bolt 9.5 a", "Nut, long -12 bc"]
    assert {len(line) for line in drawn} == {len(drawn[1])}, "all end where the last column ends"
    assert {
        line.index(end) + len(end) for line, end in ((drawn[0], "Price"), (drawn[2], "9.5"), (drawn[3], "-12"))
    } == {drawn[0].index("Price") + 5}
    left = shown("|Part|Price|\n|--|:--|\n|Bolt|9.5|\n|Nut|12|", 60)
    assert left[2].index("9.5") == left[3].index("12") == left[0].index("Price")


def test_a_strong_cell_is_the_best_and_its_ground_as_wide_as_its_column() -> None:
    (best,) = [line for line in markdown("||IMO|SBI|\n|--|--|--|\n|Lead time|14 days|**8 days**|\n|All|140|1400000000|", 60)
               if "14 days" in plain(line)]  # fmt: skip
    ground = [span for span in best if "@tint-done" in span.role]
    assert plain(tuple(ground)) == "     8 days" and {span.role for span in ground} == {"done b @tint-done"}


def test_a_table_that_is_too_narrow_for_its_words_is_turned() -> None:
    assert shown(play.OUTPUT, 20)[6:13] == [
        "Category", "IMO  Pumps", "SBI  Pumps", "", "Status", "IMO  Active", "SBI  Active",
    ]  # fmt: skip
    assert shown("|Name|A remarkable description|\n|--|--|\n|x|disproportionately|", 20) == [
        "x", "A remarkable", "description", "  disproportionately",
    ]  # fmt: skip


def test_a_word_that_changes_its_role_in_the_middle_stays_whole() -> None:
    assert shown("four **fi**ve, six", 9) == ["four", "five, six"]


def test_to_one_column_of_values_a_dotted_line_leads_over_the_whole_width() -> None:
    drawn = shown("|Reservation|**RSV-1**|\n|--|--|\n|Item|AS92689|\n|Free afterwards|**29**|", 40)
    assert drawn[2:] == ["Item ┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄ AS92689", "Free afterwards ┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄ 29   ✓"]


def test_a_text_without_tables_is_made_into_rows_once_however_tables_are_drawn() -> None:
    plain_text, table = "Some **words**.", "| a | b | c |\n|---|---|---|\n| 1 | **2** | 3 |"
    assert markdown(plain_text, 40, ruled=True) is markdown(plain_text, 40, signs=True) is markdown(plain_text, 40)
    assert markdown(table, 40, ruled=True) != markdown(table, 40) != markdown(table, 40, signs=True)
