from egoexobench.data.disjoint_sets import DisjointSets


def test_joined_names_have_the_smallest_name_of_their_set_in_any_order():
    joins = [("d", "c"), ("b", "e"), ("e", "d")]
    for order in (joins, joins[::-1]):
        sets = DisjointSets()
        for left, right in order:
            sets.join(left, right)
        assert {sets.find(name) for name in "bcde"} == {"b"}
        assert sets.find("a") == "a"
