"""Our address."""


def test_who_may_read_is_greeted(core):
    answer = core.request("GET", "/plugins/sample_plugin/hello?who=Ada", key="SALES")
    assert (answer.status, answer.json()) == (200, {"hello": "Ada"})
    assert core.request("GET", "/plugins/sample_plugin/hello").status == 401
