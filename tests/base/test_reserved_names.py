"""Names that nothing has yet."""

from tfjslab.base.names import reserve


class Counted(set):
    """A set that counts how often it is asked."""

    asked = 0

    def __contains__(self, name):
        self.asked += 1
        return super().__contains__(name)


def test_thousands_of_one_name_are_numbered_in_a_row():
    taken = Counted()
    assert [reserve("a", taken) for _ in range(3000)] == ["a", *(f"a_{i}" for i in range(1, 3000))]
    assert taken.asked < 30 * 3000  # a walk from 1 on would ask 4.5 million times


def test_a_number_that_is_free_is_found_whatever_else_is_taken():
    taken = {"a", "a_1", "a_2", "a_4", "a_x"}
    assert reserve("a", taken) == "a_5"
    assert reserve("b", taken) == "b"
    assert {"a_5", "b"} <= taken
